#include "proto/problem.h"

#include "proto/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct entry {
    const char *name;
    int exit_status;
    int http_status;
};

static const struct entry *find(enum problem_code code)
{
    static const struct entry entries[] = {
#define X(name, exit_status, http_status) {#name, exit_status, http_status},
        ERROR_CODES(X)
#undef X
    };
    return &entries[(unsigned)code < PROBLEM_COUNT ? code : PROBLEM_INTERNAL];
}

const char *problem_name(enum problem_code code)
{
    return find(code)->name;
}

enum problem_code problem_parse(const char *name)
{
    for (int code = 0; name && code < PROBLEM_COUNT; code++) {
        if (strcmp(find((enum problem_code)code)->name, name) == 0) {
            return (enum problem_code)code;
        }
    }
    return PROBLEM_INTERNAL;
}

const char *problem_hint(enum problem_code code)
{
    if (code == PROBLEM_DISK_FULL) {
        return "free space on this disk; nothing else is needed";
    }
    if (code == PROBLEM_DB_LOCKED) {
        return "stop the other program that uses the database, then try again";
    }
    if (code == PROBLEM_DB_FAILED) {
        return "check the disk (dmesg, smartctl) and restore from a backup or from the peers";
    }
    if (code == PROBLEM_DB_UNWRITABLE) {
        return "check owner and permissions of the data directory";
    }
    return NULL;
}

int problem_exit_status(enum problem_code code)
{
    return find(code)->exit_status;
}

int problem_http_status(enum problem_code code)
{
    return find(code)->http_status;
}

int problem_set(struct problem *problem, enum problem_code code, const char *hint,
                const char *format, ...)
{
    if (!problem) {
        return -1;
    }
    /* One byte more than a text holds, so that a cut never splits a character. */
    char text[sizeof problem->text + 1];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);

    problem->code = code;
    (void)slice_copy(slice_text(len < 0 ? "" : text), problem->text, sizeof problem->text);
    (void)slice_copy(slice_text(hint), problem->hint, sizeof problem->hint); /* a cut hint helps */
    return -1;
}
