#include "proto/role.h"

static const struct {
    enum role role;
    const char *name;
    unsigned includes;
} ROLES[] = {
    {ROLE_VIEWER, "viewer", ROLE_VIEWER},
    {ROLE_OPERATOR, "operator", ROLE_VIEWER | ROLE_OPERATOR},
    {ROLE_ADMIN, "admin", ROLE_VIEWER | ROLE_OPERATOR | ROLE_ADMIN | ROLE_EDGE | ROLE_METRICS},
    {ROLE_EDGE, "edge", ROLE_EDGE},
    {ROLE_METRICS, "metrics", ROLE_METRICS},
};
#define COUNT (sizeof ROLES / sizeof ROLES[0])

unsigned role_includes(enum role role)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (ROLES[i].role == role) {
            return ROLES[i].includes;
        }
    }
    return 0;
}

const char *role_name(enum role role)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (ROLES[i].role == role) {
            return ROLES[i].name;
        }
    }
    return NULL;
}

enum role role_parse(struct slice name)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (slice_equal(name, slice_text(ROLES[i].name))) {
            return ROLES[i].role;
        }
    }
    return ROLE_ANYONE;
}
