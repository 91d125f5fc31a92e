#include "proto/access.h"

#include "proto/limits.h"
#include "proto/wire.h"

#include <string.h>

/* First element, which no struct command has: its kinds are small numbers. */
#define MARK 1000
#define FIELDS 14

static const char *const NAMES[AUDIT_COUNT] = {
#define X(name) [AUDIT_##name] = #name,
    AUDIT_KINDS(X)
#undef X
};

const char *audit_kind_name(enum audit_kind kind)
{
    return (unsigned)kind < AUDIT_COUNT ? NAMES[kind] : NULL;
}

enum audit_kind audit_kind_parse(struct slice name)
{
    for (int kind = 1; kind < AUDIT_COUNT; kind++) {
        if (slice_equal(name, slice_text(NAMES[kind]))) {
            return (enum audit_kind)kind;
        }
    }
    return AUDIT_NONE;
}

int access_pack(const struct access *access, struct buffer *out)
{
    msgpack_packer packer;
    size_t before = out->len;

    wire_packer(&packer, out);
    msgpack_pack_array(&packer, FIELDS);
    msgpack_pack_uint32(&packer, MARK);
    msgpack_pack_uint32(&packer, (uint32_t)access->verb);
    wire_put_slice_str(&packer, access->name);
    msgpack_pack_uint32(&packer, (uint32_t)access->role);
    wire_put_slice_str(&packer, access->hash);
    wire_put_slice_bin(&packer, access->digest);
    msgpack_pack_int64(&packer, access->expires_ms);
    msgpack_pack_int64(&packer, access->revision);
    wire_put_slice_str(&packer, access->if_match);
    msgpack_pack_uint32(&packer, (uint32_t)access->kind);
    wire_put_slice_str(&packer, access->author);
    wire_put_slice_str(&packer, access->address);
    wire_put_slice_str(&packer, access->reason);
    wire_put_slice_str(&packer, access->detail);
    if (out->full) {
        out->len = before;
        return -1;
    }
    return 0;
}

int access_unpack(struct access *access, struct slice bytes)
{
    struct wire wire;

    *access = (struct access){.verb = ACCESS_NOTE};
    if (wire_open(&wire, bytes) != 0) {
        return -1;
    }
    struct wire_row row = wire_row(&wire.root);
    (void)wire_row_u64(&row, MARK, MARK); /* any other number makes the row bad */
    access->verb = (enum access_verb)wire_row_u64(&row, ACCESS_ACCOUNT_ADD, ACCESS_NOTE);
    access->name = wire_row_str(&row, LIMIT_TEXT);
    access->role = (enum role)wire_row_u64(&row, 0, ROLE_METRICS);
    access->hash = wire_row_str(&row, CREDENTIAL_HASH);
    access->digest = wire_row_bin(&row, CREDENTIAL_DIGEST);
    access->expires_ms = wire_row_i64(&row, 0, LIMIT_INTEGER);
    access->revision = wire_row_i64(&row, 0, INT64_MAX);
    access->if_match = wire_row_str(&row, LIMIT_TEXT);
    access->kind = (enum audit_kind)wire_row_u64(&row, 0, AUDIT_COUNT - 1);
    access->author = wire_row_str(&row, LIMIT_TEXT);
    access->address = wire_row_str(&row, LIMIT_TEXT);
    access->reason = wire_row_str(&row, LIMIT_TEXT);
    access->detail = wire_row_str(&row, LIMIT_JSON_TEXT);
    wire_close(&wire);
    return row.bad ? -1 : 0;
}

bool access_name_is_valid(struct slice name)
{
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    if (name.data == NULL || name.len == 0 || name.len > LIMIT_ACCOUNT_NAME) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        bool plain = name.data[i] != '\0' && strchr(first, name.data[i]) != NULL;
        if (!plain && (i == 0 || name.data[i] == '\0' || strchr("._@-", name.data[i]) == NULL)) {
            return false;
        }
    }
    return true;
}
