/*
 * One HTTP request while it is answered: admission, parameters, body. Functions that return -1 have
 * answered already; the handler just returns.
 */
#ifndef API_REQUEST_H
#define API_REQUEST_H

#include "api/caller.h"
#include "api/gateway.h"
#include "api/json.h"
#include "proto/limits.h"

#include <civetweb.h>

#define REQUEST_ID 64 /* bytes of a request's id */

struct route;

struct request {
    char id[REQUEST_ID + 1]; /* X-Request-Id as sent, or one of ours */
    struct gateway *gateway;
    struct worker *worker;
    struct mg_connection *connection;
    const struct mg_request_info *info;
    char parameter[LIMIT_EVENT_ID + 1]; /* the decoded {…} segment of the path, or "" */
    struct slice body;                  /* after request_body */
    struct caller caller;               /* after caller_find */
    bool unread;                        /* a body is still on the wire */
    bool cookies_count;                 /* the page that sends them is ours or in cors_origins */
    char lines[512];                    /* more header lines of the answer, see respond_header */
    const char *allow_origin;           /* for Access-Control-Allow-Origin, or NULL; never input */
    char etag[40];                      /* of what is answered, without quotes; "" = none */
    const char *content_type;           /* of the body; NULL = JSON */
    const struct route *route;          /* followed; NULL = none */
    int status;                         /* sent; 0 = not answered yet */
    bool streaming;                     /* the head is out, the rest goes in chunks */
};

void request_init(struct request *request, struct gateway *gateway,
                  struct mg_connection *connection);
/* Gives it its id, before anything is answered: the caller's if that may stand in a header and a
 * log, else one of ours, by which no two are called. Worker threads. */
void request_name(struct request *request);
/* Before anything else is believed of it: that all headers were seen, and one length. 0, or -1
 * after a 400 or 431, with which the connection ends, for where the next request begins is not
 * sure. */
int request_check_head(struct request *request);

/* True when the browser's Origin (if any) may talk to us; sets allow_origin. */
bool request_origin_allowed(struct request *request);

/* True for a WebSocket upgrade. */
bool request_is_upgrade(const struct request *request);

/* Percent-decodes into `out` with a NUL. False for bad escapes, NUL, control characters, anything
 * that is not UTF-8, or more than size - 1 bytes. `plus`: '+' is a space. */
bool request_decode(struct slice text, bool plus, char *out, size_t size);

/* The raw value of a query parameter, the last one when repeated; absent when missing. */
struct slice request_query(const struct request *request, const char *name);

/* Typed query parameters; a missing one leaves `*out` as it is. 0, or -1 after a 422. */
int request_query_int(struct request *request, const char *name, int64_t *out);
int request_query_bool(struct request *request, const char *name, bool *out);
int request_query_text(struct request *request, const char *name, char *out, size_t size);

/* The path parameter as a positive integer, named `name` in the 422. 0 or -1. */
int request_path_id(struct request *request, const char *name, int64_t *out);

/* Reads the whole body into request->body: at most body_bytes, within LIMIT_HTTP_BODY_MS, exactly
 * as long as announced. 0, or -1 after 400 or 413. */
int request_body(struct request *request);

/* Reads the body and parses it as a JSON object. NULL after an answer. */
json_t *request_object(struct request *request);

/* The same when there may be no body; `*object` is NULL then. 0, or -1 after an answer. */
int request_optional_object(struct request *request, json_t **object);

/* The member `reason` of a body (NULL = no body), cut to LIMIT_TEXT; absent when empty. Borrows. */
struct slice request_reason(const json_t *body);

#endif
