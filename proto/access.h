/*
 * What threads ask the node about accounts, sessions, tokens and the local audit: like struct
 * command it goes to the node, is answered by a struct answer after its commit, and never
 * leaves this central. Packed as a msgpack array.
 */
#ifndef PROTO_ACCESS_H
#define PROTO_ACCESS_H

#include "proto/bytes.h"
#include "proto/credential.h"
#include "proto/role.h"

#include <stdint.h>

/*  X(NAME): what the local audit tells; each verb below leaves one but SESSION_USE.  */
#define AUDIT_KINDS(X)                                                          \
    X(LOGIN)                                                                    \
    X(LOGIN_FAILED)                                                             \
    X(LOGOUT)                                                                   \
    X(ACCOUNT_ADDED)                                                            \
    X(ACCOUNT_CHANGED)                                                          \
    X(ACCOUNT_REMOVED)                                                          \
    X(PASSWORD_CHANGED)                                                         \
    X(TOKEN_ADDED)                                                              \
    X(TOKEN_CHANGED)                                                            \
    X(TOKEN_REVOKED)                                                            \
    X(CONFIGURATION_CHANGED) /* the file of this central, its peers among it */ \
    X(MESH_STARTED)                                                             \
    X(MESH_STOPPED)

enum audit_kind {
    AUDIT_NONE,
#define X(name) AUDIT_##name,
    AUDIT_KINDS(X)
#undef X
    AUDIT_COUNT
};

/* "LOGIN"; NULL for AUDIT_NONE and what is none. */
const char *audit_kind_name(enum audit_kind kind);
/* AUDIT_NONE for a name that is none. */
enum audit_kind audit_kind_parse(struct slice name);

enum access_verb {
    ACCESS_ACCOUNT_ADD = 1, /* name, role, hash */
    ACCESS_ACCOUNT_CHANGE,  /* name; role and hash where they change; if_match */
    ACCESS_ACCOUNT_REMOVE,  /* name; if_match */
    ACCESS_SESSION_START,   /* name, digest */
    ACCESS_SESSION_USE,     /* digest: still in use */
    ACCESS_SESSION_END,     /* digest; name for the audit */
    ACCESS_TOKEN_ADD,       /* name, role, digest, expires_ms */
    ACCESS_TOKEN_CHANGE,    /* name; role and expires_ms where they change; if_match */
    ACCESS_TOKEN_REVOKE,    /* name; if_match */
    ACCESS_NOTE             /* kind, name (of what it is about), detail: for the audit alone */
};

/* Slices borrow. */
struct access {
    enum access_verb verb;
    struct slice name;     /* of an account or a token */
    enum role role;        /* ROLE_ANYONE = as it is */
    struct slice hash;     /* of the password, as text; absent = as it is */
    struct slice digest;   /* CREDENTIAL_DIGEST bytes. ACCOUNT_CHANGE: the session that stays when a
                              changed password ends the account's others; absent = none */
    int64_t expires_ms;    /* 0 = as it is */
    int64_t revision;      /* what was read before this was asked; 0 = whatever it is */
    struct slice if_match; /* what the asker saw, see proto/etag; absent = whatever it is */
    enum audit_kind kind;  /* ACCESS_NOTE */
    struct slice author, address, reason, detail; /* for the audit; absent = none */
};

/* Appends. 0, or -1 when `out` is full: nothing is appended then. */
int access_pack(const struct access *access, struct buffer *out);
/* 0, or -1 when the bytes are no access command. Slices borrow. */
int access_unpack(struct access *access, struct slice bytes);

/* Names of accounts and tokens: [A-Za-z0-9][A-Za-z0-9._@-]{0,62}. */
bool access_name_is_valid(struct slice name);

#endif
