#include "api/filter.h"

#include "api/respond.h"
#include "storage/history.h"

#include <stdio.h>

int filter_refuse(struct request *request, const char *name, const char *why)
{
    struct problem problem;

    (void)problem_set(&problem, PROBLEM_PARAMETER_INVALID, NULL, "%s: %s", name, why);
    respond_problem(request, &problem);
    return -1;
}

/* Bytes once it is decoded; what is no escape is refused by who decodes it. */
static size_t length_of(struct slice raw)
{
    size_t len = raw.len, escapes = 0;

    for (size_t i = 0; i + 2 < raw.len; i++) {
        escapes += raw.data[i] == '%';
    }
    return len - 2 * escapes;
}

int filter_length(struct request *request, const char *name, size_t most)
{
    struct slice raw = request_query(request, name);
    char why[64];

    if (raw.data == NULL || raw.len <= most || length_of(raw) <= most) {
        return 0;
    }
    (void)snprintf(why, sizeof why, "is too long: at most %zu bytes", most);
    respond_parameter(request, "query", name, why, "value_error.any_str.max_length");
    return -1;
}

int filter_check(struct request *request, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct slice raw = request_query(request, names[i]);
        if (raw.data != NULL && raw.len == 0) {
            return filter_refuse(request, names[i], "has no value; without it there is no filter");
        }
        if (filter_length(request, names[i], LIMIT_TEXT) != 0) {
            return -1;
        }
    }
    return 0;
}

int filter_code(struct request *request, const char *name, struct slice code, const char *more)
{
    struct problem problem;

    if (code.len == 0 || history_conflict_knows(code)) {
        return 0;
    }
    (void)problem_set(&problem, PROBLEM_PARAMETER_INVALID, NULL, "%s: one of %s%s", name, more,
                      history_conflict_codes());
    respond_problem(request, &problem);
    return -1;
}
