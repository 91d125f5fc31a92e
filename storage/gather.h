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
 */
#ifndef STORAGE_GATHER_H
#define STORAGE_GATHER_H

/* Registers the VFS once per process and returns its name for sqlite3_open_v2, or NULL to use the
 * default. Node thread. */
const char *gather_vfs(void);

#endif
