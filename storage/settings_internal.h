/*
 * The statements of settings.h, which live in the handle of history.h.
 */
#ifndef STORAGE_SETTINGS_INTERNAL_H
#define STORAGE_SETTINGS_INTERNAL_H

#include "storage/settings.h"
#include "storage/sql.h"

enum settings_question {
    SETTINGS_ELEMENTS,
    SETTINGS_LOTS,
    SETTINGS_SUBSCRIPTION,
    SETTINGS_QUESTIONS
};

struct settings {
    sqlite3_stmt *stmt[SETTINGS_QUESTIONS];
};

/* Prepares all of them. 0, or -1 with a problem; settings_close in both cases. */
int settings_open(sqlite3 *db, struct settings *settings, struct problem *problem);
void settings_close(struct settings *settings);

/* history.c: those of a handle. */
struct settings *history_settings(struct history *history);

#endif
