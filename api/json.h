/*
 * JSON: reading what comes from outside (into jansson's values, strict: UTF-8, no duplicate keys,
 * bounded depth) and writing answers straight into a buffer.
 */
#ifndef API_JSON_H
#define API_JSON_H

#include "proto/bytes.h"
#include "proto/ids.h"
#include "proto/problem.h"

#include <jansson.h>

/*
 * Parses one document: by `api/json_tree`, or what that leaves by jansson. The depth is counted
 * before jansson sees the text, because it recurses and a worker's stack is small. NULL with
 * JSON_INVALID that names line and column. The caller releases the value with json_decref.
 */
json_t *json_read(struct slice text, struct problem *problem);

/* The same for a document that must be an object: FIELD_INVALID for anything else. */
json_t *json_read_object(struct slice text, struct problem *problem);

/* The text of a string member; absent for a missing member, null or another type. Borrows. */
struct slice json_member_text(const json_t *object, const char *key);

/* Milliseconds, when `value` is seconds since 1970 as boxes tell them; 0 when it is no number or no
 * date (one who sends milliseconds is beyond). */
int64_t json_seconds(const json_t *value);

/*
 * Writing. Values are put one after the other; commas come by themselves. Text that is not UTF-8
 * (an old database may hold some) is written with U+FFFD instead of the bad bytes. Numbers that are
 * not finite are null. The buffer's `full` says at the end whether all of it fitted.
 */
struct json_writer {
    struct buffer *out;
    bool comma; /* the next value or key needs one before it */
};

struct json_writer json_writer(struct buffer *out);
void json_put_open(struct json_writer *writer, char bracket);       /* '{' or '[' */
void json_put_close(struct json_writer *writer, char bracket);      /* '}' or ']' */
void json_put_key(struct json_writer *writer, const char *key);     /* plain ASCII of ours */
void json_put_text(struct json_writer *writer, struct slice text);  /* null when absent */
void json_put_string(struct json_writer *writer, const char *text); /* null for NULL */
void json_put_int(struct json_writer *writer, int64_t value);
void json_put_number(struct json_writer *writer, double value);
/* The digits of a finite number that read back as the same one, with a NUL; returns their count. */
#define JSON_NUMBER 40
int json_number_text(double value, char out[JSON_NUMBER]);
void json_put_bool(struct json_writer *writer, bool value);
void json_put_nothing(struct json_writer *writer);                /* null */
void json_put_raw(struct json_writer *writer, struct slice json); /* JSON already */
/* A key with its value. No text (NULL), empty text, and a number that equals `none` are null. */
void json_set_text(struct json_writer *writer, const char *key, const char *text);
void json_set_int(struct json_writer *writer, const char *key, int64_t value);
void json_set_known(struct json_writer *writer, const char *key, int64_t value, int64_t none);
void json_set_bool(struct json_writer *writer, const char *key, bool value);
void json_set_number(struct json_writer *writer, const char *key, double value);
void json_set_slice(struct json_writer *writer, const char *key, struct slice text); /* null when
                                                                                      * absent */
void json_set_id(struct json_writer *writer, const char *key, struct slice text); /* json_put_id */
/* A time in ms UTC: as the existing system writes it, in the central's zone, null for EVENT_NONE.
 */
void json_set_local(struct json_writer *writer, const char *key, int64_t ms);
/* The same for /api/v1: RFC 3339 in UTC, null for what is not after 1970. */
void json_set_time(struct json_writer *writer, const char *key, int64_t ms);
/* node, epoch (decimal text) and seq as members of an object of their own. */
void json_put_position(struct json_writer *writer, const struct position *position);
void json_set_position(struct json_writer *writer, const char *key,
                       const struct position *position);
/* An unsigned 64-bit number as a decimal string, because browsers would round it. */
void json_put_u64(struct json_writer *writer, uint64_t value);
/* A number for plain decimal text (camera ids), else the text; null when absent. */
void json_put_id(struct json_writer *writer, struct slice text);

#endif
