/*
 * What can go wrong, with a stable code, the exit status (sysexits) and the HTTP status it leads
 * to. A problem's text names what, where and what to do next.
 */
#ifndef PROTO_PROBLEM_H
#define PROTO_PROBLEM_H

#include <stddef.h>

/*  X(NAME, exit status, HTTP status)  */
#define ERROR_CODES(X)                                                                             \
    X(OK, 0, 200)                                                                                  \
    X(USAGE, 64, 400)             /* command line */                                               \
    X(CONFIG_INVALID, 78, 400)    /* configuration file or PUT: syntax, key, value */              \
    X(CONFIG_UNREADABLE, 78, 500) /* configuration file cannot be read or written */               \
    X(PORT_IN_USE, 69, 409)       /* a listener could not be bound */                              \
    X(ADDRESS_UNAVAILABLE, 69, 409)                                                                \
    X(OPEN_WITHOUT_AUTH, 78, 400) /* a warning: HTTP is open to the network */                     \
    X(DB_UNWRITABLE, 73, 500)     /* data directory or database cannot be created or written */    \
    X(DB_NEWER, 65, 500)          /* database from a newer version; untouched */                   \
    X(DB_FOREIGN, 65, 500)        /* not a ParkMesh or Python central database; untouched */       \
    X(DB_CORRUPT, 65, 500)        /* quick_check failed */                                         \
    X(DB_LOCKED, 69, 503)         /* another process holds it */                                   \
    X(DB_FAILED, 74, 500)         /* I/O error, failed fsync: the process ends */                  \
    X(DISK_FULL, 74, 507)         /* nothing was stored; works again when there is room */         \
    X(PERMISSION, 77, 500)                                                                         \
    X(JSON_INVALID, 65, 400)     /* malformed JSON, with line and column */                        \
    X(FIELD_INVALID, 65, 400)    /* a field missing, of the wrong type or out of range */          \
    X(PLATE_UNUSABLE, 65, 400)   /* fewer than 6 letters and digits */                             \
    X(TYPE_UNKNOWN, 65, 400)     /* event type */                                                  \
    X(ALREADY_INSIDE, 0, 200)    /* logged; the fold decides */                                    \
    X(NO_OPEN_VISIT, 0, 200)     /* logged; waits as an orphan exit */                             \
    X(VISIT_UNKNOWN, 0, 404)     /* no such visit */                                               \
    X(DELETE_WITHOUT_ID, 0, 200) /* a camera's DELETE that names no visit; nothing was changed */  \
    X(PRECONDITION_FAILED, 0, 412) /* If-Match names another state than the present one */         \
    X(KEY_REUSED, 65, 422)         /* an Idempotency-Key that named another change */              \
    X(PLATE_INSIDE, 0, 409)        /* an edit would put a second open visit on this plate */       \
    X(BODY_TOO_LARGE, 65, 413)                                                                     \
    X(BODY_INCOMPLETE, 65, 400)  /* shorter than Content-Length, or too slow */                    \
    X(LENGTH_AMBIGUOUS, 65, 400) /* Content-Length and Transfer-Encoding together */               \
    X(HEADERS_TOO_MANY, 65, 431) /* more than were looked at, so nothing was believed */           \
    X(HTTP_MALFORMED, 65, 400)   /* no HTTP, or its head is too long or too slow */                \
    X(NOT_FOUND, 0, 404)         /* no such path */                                                \
    X(METHOD_NOT_ALLOWED, 0, 405)                                                                  \
    X(PARAMETER_INVALID, 65, 422) /* query or path parameter */                                    \
    X(UNAUTHORIZED, 77, 401)      /* no credentials, or none that are valid */                     \
    X(FORBIDDEN, 77, 403)         /* Origin or role not allowed */                                 \
    X(LOGIN_FAILED, 77, 401)      /* account or password wrong */                                  \
    X(TOO_MANY_ATTEMPTS, 75, 429) /* failed logins of this account or from this address */         \
    X(NAME_TAKEN, 65, 409)        /* another account or token has this name */                     \
    X(LAST_ADMIN, 65, 409)        /* without it nobody could manage accounts */                    \
    X(LIMIT_REACHED, 65, 409)     /* as many as this central keeps */                              \
    X(BUSY, 75, 503)              /* the writer or all readers are busy; retry */                  \
    X(STOPPING, 75, 503)                                                                           \
    X(MESH_MISMATCH, 0, 403)       /* peer has another mesh secret */                              \
    X(MESH_VERSION, 0, 426)        /* peer speaks no protocol version of ours */                   \
    X(DUPLICATE_ID, 0, 409)        /* two centrals use one id */                                   \
    X(UNKNOWN_PEER, 0, 403)        /* right secret, id not configured: pending */                  \
    X(CAMERA_UNKNOWN, 0, 404)      /* no such camera is configured */                              \
    X(CAMERA_UNREACHABLE, 69, 502) /* its box does not answer, or not as it should */              \
    X(PEER_UNREACHABLE, 69, 502)                                                                   \
    X(LIBRARY_MISSING, 69, 503)    /* one that is loaded on demand cannot be */                    \
    X(MESH_WITHOUT_SECRET, 0, 200) /* mesh bound to loopback only */                               \
    X(LINK_UNAUTHENTICATED, 0,                                                                     \
      200)                        /* a warning: a WebSocket to a central of the existing system */ \
    X(MESSAGE_INVALID, 0, 400)    /* bytes on the mesh port that are no message */                 \
    X(CHAIN_MISMATCH, 0, 500)     /* same (stream, seq), other bytes */                            \
    X(STATE_DIVERGED, 0, 500)     /* same events, other visits: a defect of one central */         \
    X(EVENT_UNKNOWN, 0, 200)      /* events of a newer version's kind: kept, not understood */     \
    X(CHAIN_BROKEN, 65, 500)      /* bytes of our own log that do not verify */                    \
    X(CLOCK_SKEW, 0, 200)         /* clocks differ; both centrals are named */                     \
    X(AWAITING_APPROVAL, 0, 200)  /* a central's request that a person has to accept */            \
    X(LINK_DOWN, 69, 400)         /* the link to a peer carries no messages now */                 \
    X(CURSOR_UNKNOWN, 0, 410)     /* no feed of this database gave it; says where to go on */      \
    X(POSITION_NOT_HELD, 75, 504) /* a read that waits for a write elsewhere did not see it */     \
    X(INTERNAL, 70, 500)

enum problem_code {
#define X(name, exit_status, http_status) PROBLEM_##name,
    ERROR_CODES(X)
#undef X
    PROBLEM_COUNT
};

struct problem {
    enum problem_code code;
    char text[600]; /* one sentence: what and where */
    char hint[300]; /* what to do next; may be empty */
};

/* "PORT_IN_USE"; never NULL. */
const char *problem_name(enum problem_code code);
/* The code of a name; PROBLEM_INTERNAL for NULL or a name that is none. */
enum problem_code problem_parse(const char *name);
/* What a person does about it wherever it happens, or NULL where that depends. */
const char *problem_hint(enum problem_code code);
int problem_exit_status(enum problem_code code);
int problem_http_status(enum problem_code code);

/* Fills `problem` (which may be NULL) and returns -1, so that `return problem_set(...)` reads
 * well. `hint` may be NULL. */
int problem_set(struct problem *problem, enum problem_code code, const char *hint,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
