/*
 * Answers. Small ones are one write: head and body together. A handler writes its body with the
 * writer of respond_json and then calls exactly one of the send functions.
 */
#ifndef API_RESPOND_H
#define API_RESPOND_H

#include "api/json.h"
#include "api/request.h"

/* Starts (again) an empty body. */
struct json_writer respond_json(struct request *request);

/* One more header of the answer; a short value of ours, never input. Before sending. */
void respond_header(struct request *request, const char *name, const char *value);
/* What the body is, when it is no JSON; a text that lasts. Errors stay what they are. */
void respond_type(struct request *request, const char *content_type);

/* Sends what was written, as JSON. A body that did not fit becomes a 500. */
void respond_send(struct request *request, int status);

/* Sends bytes that are no JSON. `lines`: Content-Type, Cache-Control and more, each with \r\n. */
void respond_bytes(struct request *request, int status, const char *lines, struct slice body);

/* {"success":false,"error":text,"code":...,"hint":...} with the problem's HTTP status. */
void respond_problem(struct request *request, const struct problem *problem);
/* The same with members of its own: `open` starts the object, `close` ends and sends it. */
struct json_writer respond_open(struct request *request, const struct problem *problem);
void respond_close(struct request *request, struct json_writer *writer,
                   const struct problem *problem);
void respond_error(struct request *request, enum problem_code code, const char *text);

/* What the body is, when it is no JSON; a text that lasts. Errors stay what they are. */
void respond_type(struct request *request, const char *content_type);

/* {"success":true,"message":...} */
void respond_message(struct request *request, const char *message);

/* 422 in the shape of the existing system. `where` is "query" or "path". */
void respond_parameter(struct request *request, const char *where, const char *name,
                       const char *message, const char *type);

/* 405 with the methods that exist, and 307 to the path without its trailing slash. */
void respond_method(struct request *request, const char *allow);
void respond_redirect(struct request *request, struct slice path);
/* The answer to an allowed CORS preflight. */
void respond_preflight(struct request *request);

/*
 * Long answers: called now and then while the body grows; sends a chunk when enough has gathered.
 * -1 when the client is gone. respond_send ends the answer, respond_cut breaks it off so that the
 * client notices (before the first chunk it answers the problem instead).
 */
int respond_flow(struct request *request);
void respond_cut(struct request *request, const struct problem *problem);

/*
 * Bytes of no known length that are passed on as they come (video): the head, then parts; the end
 * of the connection is the end of the answer. `content_type` has no control characters. -1 when the
 * client is gone or takes nothing for request_timeout_ms.
 */
int respond_media(struct request *request, const char *content_type);
int respond_media_part(struct request *request, struct slice bytes);

#endif
