/*
 * The options of the command line. A name means the same with every command.
 */
#ifndef NODE_FLAGS_H
#define NODE_FLAGS_H

#include <stdint.h>

/* The rows of `flags_get`, in the order of help texts. */
enum flag {
    FLAG_CONFIG,
    FLAG_DATA,
    FLAG_PEER,
    FLAG_LOG_FORMAT,
    FLAG_WEB_DIR,
    FLAG_CHECK,
    FLAG_PLATE,
    FLAG_TYPE,
    FLAG_CAMERA,
    FLAG_EVENT_ID,
    FLAG_TIME,
    FLAG_AFTER,
    FLAG_TOPIC,
    FLAG_LIMIT,
    FLAG_FORMAT,
    FLAG_FROM,
    FLAG_TO,
    FLAG_OUTPUT,
    FLAG_CARS,
    FLAG_RATE,
    FLAG_CLEAN,
    FLAG_JSON,
    FLAG_HELP,
    FLAG_COUNT
};

#define FLAG_BIT(flag) ((uint64_t)1 << (flag)) /* of a set of flags */

struct flag_text {
    const char *name;    /* "--config" */
    const char *value;   /* what follows, as help texts name it; NULL = nothing follows */
    const char *words;   /* the values there are, separated by blanks; NULL = any, "" = a file */
    const char *meaning; /* what it does, for people */
};

/* Never NULL. */
const struct flag_text *flags_get(enum flag flag);

#endif
