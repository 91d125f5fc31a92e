/*
 * What a person sees on a terminal and a program does not: colours and progress.
 */
#ifndef NODE_TERMINAL_H
#define NODE_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum terminal_color {
    TERMINAL_GREEN,
    TERMINAL_YELLOW,
    TERMINAL_RED,
    TERMINAL_BOLD
};

/* Prints text padded to `width` columns, coloured when stdout is a terminal and NO_COLOR is not
 * set. Returns nothing of use: main looks whether stdout took it. */
void terminal_print(enum terminal_color color, int width, const char *text);

/* A bar on stderr, when that is a terminal; redrawn at most ten times a second. */
struct terminal_progress {
    const char *what; /* "events" */
    uint64_t all;     /* 0 = not known */
    int64_t drawn_ms; /* monotonic; starts as 0 */
};

/* Whether there is anybody to see one. */
bool terminal_shows_progress(void);
void terminal_progress(struct terminal_progress *progress, uint64_t done);
/* Removes the bar. */
void terminal_progress_end(const struct terminal_progress *progress);

#endif
