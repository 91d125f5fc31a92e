/*
 * How a configuration text becomes a `struct config`, in parts: locate (where in the text a key
 * is), report (errors as people see them), check (what one value may be), parse (keys, types,
 * environment, what must fit together), merge, write. Private to node/config*.c.
 */
#ifndef NODE_CONFIG_INTERNAL_H
#define NODE_CONFIG_INTERNAL_H

#include "node/config.h"

#include <jansson.h>

#define CONFIG_TEXT_MAX 512 /* bytes of the longest text member of struct config, with its NUL */

/* ---- locate: positions in a valid JSON text ---- */

/* A value inside the document; NULL is the document itself. */
struct config_path {
    const struct config_path *parent;
    const char *key; /* NULL = the element `index` of an array */
    size_t index;
};

/* Byte offsets. For an element of an array, and for the document, `key` equals `value`. */
struct config_place {
    size_t key, value;
};

/* False when the text has no such value; `place` is then that of the nearest parent it has. */
bool config_locate(struct slice text, const struct config_path *path, struct config_place *place);

/* The bytes of that value; empty when the text has none. */
struct slice config_literal(struct slice text, const struct config_path *path);

/* Line and column, from 1, in characters. */
void config_position(struct slice text, size_t offset, size_t *line, size_t *column);

/* The first value of a secret key at or after `from`, [start, end), without its quotes. Lexical,
 * so that it also works in broken JSON. False when there is none. */
bool config_find_secret(struct slice text, size_t from, size_t *start, size_t *end);

/* ---- report ---- */

struct config_report {
    const char *name;        /* of the file; NULL: there is none, errors name the path alone */
    struct slice text;       /* what the file holds */
    struct buffer *errors;   /* messages; without a file, sentences joined by "; " */
    struct buffer *warnings; /* NULL = not wanted */
    size_t count;            /* errors so far */
    size_t watched;          /* offset of a value that is asked about */
    bool told;               /* an error was at that value */
    char hint[400];          /* of the first error that has one */
};

enum config_at {
    CONFIG_AT_KEY,
    CONFIG_AT_VALUE
};

/* What is wrong with a value, and what to do. An empty hint is none. */
struct config_wrong {
    char what[300];
    char hint[400]; /* all names of one object fit */
};

/* An error at a value of the file. The message starts with the path when `at` is the value. */
void config_error(struct config_report *report, const struct config_path *path, enum config_at at,
                  const struct config_wrong *wrong);
/* An error in an environment variable. */
void config_error_variable(struct config_report *report, const char *variable,
                           const struct config_wrong *wrong);
/* An error at a byte of the text. */
void config_error_offset(struct config_report *report, size_t offset,
                         const struct config_wrong *wrong);
void config_warning(struct config_report *report, const struct config_path *path,
                    enum problem_code code, const struct config_wrong *wrong);

/* "peer_centrals[1].ip" */
void config_path_text(const struct config_path *path, char *out, size_t size);

/* Fills `wrong` and returns false, so that `return config_is_wrong(...)` reads well. */
bool config_is_wrong(struct config_wrong *wrong, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- syntax ---- */

/* Parses JSON after checking size, depth and NUL bytes. NULL: `wrong` and `offset` say what and
 * where. The caller owns the value. */
json_t *config_load_json(struct slice text, struct config_wrong *wrong, size_t *offset);

/* The same text with each number that is too big for JSON here as the nearest one that is not, at
 * the same place: good for telling which key it is of, and for nothing else. NULL when there is no
 * such number or something else is wrong. The caller owns the value. */
json_t *config_load_nearest(struct slice text);

/* The text without a byte order mark (Windows editors write one). */
struct slice config_without_mark(struct slice text);

/* ---- check: one value ---- */

typedef bool (*config_check_fn)(const char *text, struct config_wrong *wrong);
bool config_check_id(const char *text, struct config_wrong *wrong);
bool config_check_own_ip(const char *text, struct config_wrong *wrong);
bool config_check_peer_ip(const char *text, struct config_wrong *wrong);
bool config_check_bind(const char *text, struct config_wrong *wrong);
bool config_check_timezone(const char *text, struct config_wrong *wrong);
bool config_check_secret(const char *text, struct config_wrong *wrong);
bool config_check_token(const char *text, struct config_wrong *wrong);
bool config_check_log_format(const char *text, struct config_wrong *wrong);
bool config_check_auth(const char *text, struct config_wrong *wrong);
bool config_check_link(const char *text, struct config_wrong *wrong);
bool config_check_ws_peers(const char *text, struct config_wrong *wrong);
bool config_check_data_dir(const char *text, struct config_wrong *wrong);
bool config_check_camera_ip(const char *text, struct config_wrong *wrong);
bool config_check_camera_type(const char *text, struct config_wrong *wrong);
bool config_check_origin(const char *text, struct config_wrong *wrong);
bool config_check_proxy(const char *text, struct config_wrong *wrong);

/* ---- keys ---- */

enum config_type {
    CONFIG_TEXT,
    CONFIG_UINT16,
    CONFIG_UINT32,
    CONFIG_INT64,
    CONFIG_OBJECT,
    CONFIG_PEERS,   /* array of objects with `members` */
    CONFIG_ORIGINS, /* array of texts */
    CONFIG_CAMERAS, /* object of objects with `members`, named by camera ids */
    CONFIG_SECONDS, /* a number of seconds, kept in ms */
    CONFIG_PROXIES  /* array of addresses */
};

/* One key that an object may have. Tables end with a NULL name. */
struct config_key {
    const char *name;
    const char *variable; /* of the environment; NULL = none */
    enum config_type type;
    size_t offset, size;   /* member of the struct that `members` describe; 0 = only checked */
    int64_t least, most;   /* of a number */
    config_check_fn check; /* of a text */
    const struct config_key *members;
    bool is_secret;
};

/* The keys of the whole file. */
extern const struct config_key CONFIG_KEYS[];

const struct config_key *config_find_key(const struct config_key *keys, const char *name);
/* Keys that a person may use for remarks: "_..." "//..." "$...". */
bool config_is_remark(const char *name);
/* What to say about a key that is not in `keys`. */
void config_unknown_key(const struct config_key *keys, const char *name,
                        struct config_wrong *wrong);

/* ---- parse ---- */

/* Fills `config` from a document, the environment and the files they name; reports everything that
 * is wrong. `accept_unknown`: unknown keys are no error. 0, or -1 with config as config_init. */
int config_read(struct config *config, const json_t *document, bool accept_unknown,
                struct config_report *report);

/* Checks that look at several settings at once, after each was checked alone. */
void config_check_whole(struct config *config, const json_t *document,
                        struct config_report *report);

/* ---- address ---- */

/* The address of the interface that would route outwards, else 127.0.0.1. Sends nothing. */
void config_own_address(char out[64]);
/* True for a numeric IPv4 address of this machine; all of 127.0.0.0/8 is. */
bool config_is_local(const char *ip);

/* ---- write ---- */

/* The whole file. 1, 0 when there is none, -1 with CONFIG_UNREADABLE. `*mode` = permission bits. */
int config_read_file(const char *path, struct buffer *out, unsigned *mode, struct problem *problem);
/* What a missing file is created with. */
extern const char CONFIG_STANDALONE[];

/* The file as it is now, or what it would be created with. Owned; NULL with a problem. */
json_t *config_load_present(const char *path, struct problem *problem);

#endif
