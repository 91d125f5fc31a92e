#include "api/filter.h"

#include "api/respond.h"
#include "storage/history.h"

int filter_refuse(struct request *request, const char *name, const char *why)
{
    struct problem problem;

    (void)problem_set(&problem, PROBLEM_PARAMETER_INVALID, NULL, "%s: %s", name, why);
    respond_problem(request, &problem);
    return -1;
}

int filter_check(struct request *request, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct slice raw = request_query(request, names[i]);
        if (raw.data != NULL && raw.len == 0) {
            return filter_refuse(request, names[i], "has no value; without it there is no filter");
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
