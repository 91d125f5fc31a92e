/*
 * A thin SQLite VFS that gathers consecutive writes to the write-ahead log. SQLite writes each WAL
 * frame with two pwrite calls; a group commit of forty events is four hundred of them, which is a
 * third of the writer's time. Here they become a few large ones.
 *
 * Durability is untouched: what was gathered is written before any sync, read, truncation, size
 * question or close of that file, and in WAL mode at synchronous=FULL SQLite syncs the frames of a
 * commit before it shows them to anybody (sqlite3WalFrames). A failed write is reported by the call
 * that caused it to be written, at the latest the sync of the COMMIT, which then fails.
 * Every other file is opened by the ordinary VFS directly.
 *
 * A COMMIT can also leave its sync to the caller, who then has to hold back every answer until that
 * sync is done (gather_owe): so the next batch is decided while the disk works. Readers see such a
 * commit already.
 */
#ifndef STORAGE_GATHER_H
#define STORAGE_GATHER_H

#include <sqlite3.h>

#include <stdbool.h>

struct gather;

/* Registers the VFS once per process and returns its name for sqlite3_open_v2, or NULL to use the
 * default. Node thread. */
const char *gather_vfs(void);

/* The WAL of an open database that was opened through this VFS, valid until it is closed; NULL when
 * there is none. Node thread. */
struct gather *gather_wal(sqlite3 *db);

/* From now on, until called with false, a sync of frames writes them and remembers that they owe
 * one. A sync that orders a new header before its frames is done all the same. Node thread. */
void gather_owe(struct gather *wal, bool owing);

/* Whether a sync has been owed since gather_owe(wal, true). Node thread. */
bool gather_owes(const struct gather *wal);

/* The sync itself, of everything written before the call. Any one thread, while the node's thread
 * goes on writing. An SQLite result; after a failure the file must not be written again. */
int gather_sync_owed(struct gather *wal);

#endif
