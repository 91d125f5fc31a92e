/*
 * A server to test against: a real one on an ephemeral port over a real database, with a node of
 * straw behind it; and a client that speaks raw bytes.
 */
#ifndef TESTS_API_SUPPORT_STAND_H
#define TESTS_API_SUPPORT_STAND_H

#include "api/api.h"
#include "proto/fact.h"

#include <czmq.h>

struct stand {
    char directory[64], database[96], listener[32];
    int port;
    struct api_options options; /* may be changed before stand_start */
    zactor_t *node;             /* of straw: see stand_node_* */
    zsock_t *facts;
    struct api *api;
};

/* A directory, an empty database, the node, the facts; no server yet. */
void stand_prepare(struct stand *stand);
void stand_start(struct stand *stand);
/* Both. */
void stand_new(struct stand *stand);
void stand_free(struct stand *stand);

/*
 * The node of straw answers every command with PROBLEM_OK and a text that tells what it was asked:
 *   gate=1 camera=3 name=Gate type=ENTRY source=auto edge= id= plate=51A confidence=0.5
 *   device=123 location= location_ms=-
 * Plates with meaning: 30A00001 is already inside, 30A00002 has no open visit, 30A00003 is a
 * repetition, 30A00004 meets a full disk.
 */
void stand_node_silence(struct stand *stand, bool silent); /* takes questions, answers none */
void stand_node_answer_late(struct stand *stand);          /* answers what it was silent about */

/* Rows in the database: `count` closed visits of plates 51A00000... */
void stand_fill(struct stand *stand, int count);
/* One administrator's change of the visit `visit`. */
void stand_edit(struct stand *stand, const char *visit, const char *plate, const char *reason);
/* The same; `plate` is what the deleted visit was seen with. */
void stand_delete(struct stand *stand, const char *visit, const char *plate, const char *reason);

void stand_publish(struct stand *stand, const struct fact *fact);

/* ---- client ---- */

struct reply {
    int status; /* 0 = the connection ended without an answer */
    char *head; /* with its blank line */
    char *body; /* NUL-terminated; chunks joined */
    size_t len;
};

/* A connection; reads time out after 20 s. `receive_buffer` 0 = the system's. */
int stand_connect(const struct stand *stand, int receive_buffer);
void stand_send(int fd, const char *bytes, size_t len);
void stand_send_text(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* One byte, or -1 at the end. */
int stand_read_byte(int fd);
struct reply stand_receive(int fd);
void stand_reply_free(struct reply *reply);
/* One request on its own connection. `more`: further header lines, each with \r\n. */
struct reply stand_ask(const struct stand *stand, const char *method, const char *target,
                       const char *more, const char *body);
/* A WebSocket after its handshake. */
int stand_websocket(const struct stand *stand, const char *target, int receive_buffer);
/* Reads one frame; the opcode, or -1 at the end. */
int stand_frame(int fd, char *out, size_t size, size_t *len);
/* A masked frame. */
void stand_send_frame(int fd, int first_byte, const char *payload, size_t len);

#endif
