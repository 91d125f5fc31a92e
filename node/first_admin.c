#include "node/first_admin.h"

#include "api/desk.h"
#include "proto/access.h"
#include "proto/command.h"
#include "proto/log.h"
#include "storage/accounts.h"

#include <stdio.h>

#define TRIES 9 /* names that may be taken by accounts that are no administrators */

/* Asks the node for one account. 0, or -1 with a problem. */
static int add(struct desk *desk, const char *name, const char *hash, struct problem *problem)
{
    struct access access = {.verb = ACCESS_ACCOUNT_ADD,
                            .name = slice_text(name),
                            .role = ROLE_ADMIN,
                            .hash = slice_text(hash),
                            .author = slice_text("system"),
                            .reason = slice_text("first start"),
                            .detail = slice_text("role=admin")};
    atomic_bool abandon = false;
    struct desk_asker *asker = desk_asker_new(desk, &abandon);
    struct buffer packed = {0};
    struct answer answer;
    struct slice bytes;
    int rc = access_pack(&access, &packed);

    if (rc == 0) {
        rc = desk_call(asker, buffer_slice(&packed), LIMIT_COMMAND_WAIT_MS, &bytes, problem);
    }
    if (rc == 0) {
        rc = answer_unpack(&answer, bytes);
    }
    if (rc == 0 && answer.code != PROBLEM_OK) {
        rc = problem_set(problem, answer.code, NULL, "%s", answer.text);
    }
    desk_asker_destroy(&asker);
    buffer_free(&packed);
    return rc;
}

static int add_free_name(struct desk *desk, struct problem *problem)
{
    char name[16] = "admin", password[CREDENTIAL_PASSWORD], hash[CREDENTIAL_HASH];
    int rc;

    credential_new_password(password);
    if (credential_hash(slice_text(password), hash) != 0) {
        return problem_set(problem, PROBLEM_INTERNAL, NULL, "no memory to hash a password");
    }
    (void)problem_set(problem, PROBLEM_INTERNAL, NULL, "no administrator could be made");
    rc = add(desk, name, hash, problem);
    for (int i = 2; i <= TRIES && rc != 0 && problem->code == PROBLEM_NAME_TAKEN; i++) {
        (void)snprintf(name, sizeof name, "admin-%d", i);
        rc = add(desk, name, hash, problem);
    }
    if (rc != 0) {
        return -1;
    }
    log_info("ADMIN_CREATED", "name=%s", name);
    (void)fprintf(stderr,
                  "\nparkmesh: others can reach this central, so it needs a login. Made one:\n"
                  "    name      %s\n    password  %s\n"
                  "  It is shown only now. Forgotten: parkmesh account reset %s\n\n",
                  name, password, name);
    return 0;
}

int first_admin(const char *database, struct desk *desk, struct problem *problem)
{
    struct accounts *accounts = accounts_open(database, problem);
    int admins;

    if (accounts == NULL) {
        return -1;
    }
    admins = accounts_admins(accounts, problem);
    accounts_close(&accounts);
    if (admins < 0) {
        return -1;
    }
    return admins > 0 ? 0 : add_free_name(desk, problem);
}
