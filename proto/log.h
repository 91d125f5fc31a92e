/*
 * One line per fact on stderr: `2026-11-22T08:15:03.123Z INFO PEER_UP peer=central-2 rtt_ms=3`, or
 * one JSON object with `log_format: "json"`. The CODE is stable; tests and operators search for it.
 * The level and format are the only file-scope state of the program. Safe from every thread.
 */
#ifndef PROTO_LOG_H
#define PROTO_LOG_H

#include "proto/problem.h"

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARN,
    LOG_LEVEL_ERROR
};
enum log_format {
    LOG_FORMAT_TEXT,
    LOG_FORMAT_JSON
};

/* Sets what is written from now on. Call before other threads start, or at any time: atomic. */
void log_setup(enum log_level least, enum log_format format);

/*
 * Writes one line. `format` renders `key=value key="value with spaces"` pairs, separated by one
 * space, values with spaces or quotes in JSON string syntax (log_quote renders one). In JSON
 * format the pairs become members. A line is one write(2) and at most 2000 bytes.
 */
void log_line(enum log_level level, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)

/* A quoted, escaped copy of `text` in `out` (`size` >= 3), for use as `key=%s`. Returns `out`. */
const char *log_quote(const char *text, char *out, size_t size);

/* Logs a problem under its own code: text and hint. */
void log_problem(enum log_level level, const struct problem *problem);

#endif
