#include "api/identity.h"

#include "proto/log.h"

#include <pthread.h>
#include <stdlib.h>

struct identity {
    pthread_mutex_t mutex;
    struct accounts *accounts;
};

struct identity *identity_new(const char *database, struct problem *problem)
{
    struct identity *identity = bytes_allocate(1, sizeof *identity);

    identity->accounts = accounts_open(database, problem);
    if (identity->accounts == NULL) {
        free(identity);
        return NULL;
    }
    (void)pthread_mutex_init(&identity->mutex, NULL); /* cannot fail on Linux */
    return identity;
}

void identity_destroy(struct identity **identity)
{
    if (*identity == NULL) {
        return;
    }
    accounts_close(&(*identity)->accounts);
    (void)pthread_mutex_destroy(&(*identity)->mutex);
    free(*identity);
    *identity = NULL;
}

static struct accounts *lock(struct identity *identity)
{
    (void)pthread_mutex_lock(&identity->mutex); /* a plain mutex of ours: cannot fail */
    return identity->accounts;
}

static int unlock(struct identity *identity, int result, const struct problem *problem)
{
    (void)pthread_mutex_unlock(&identity->mutex);
    if (result < 0) {
        log_problem(LOG_LEVEL_ERROR, problem);
    }
    return result;
}

int identity_session(struct identity *identity, const unsigned char digest[CREDENTIAL_DIGEST],
                     int64_t now_ms, struct account *account, struct session *session)
{
    struct problem problem;
    int found = accounts_find_session(lock(identity), digest, now_ms, account, session, &problem);
    return unlock(identity, found, &problem);
}

int identity_bearer(struct identity *identity, const unsigned char digest[CREDENTIAL_DIGEST],
                    int64_t now_ms, struct token *token)
{
    struct problem problem;
    int found = accounts_find_bearer(lock(identity), digest, now_ms, token, &problem);
    return unlock(identity, found, &problem);
}

int identity_account(struct identity *identity, struct slice name, struct account *account)
{
    struct problem problem;
    int found = accounts_find(lock(identity), name, account, &problem);
    return unlock(identity, found, &problem);
}

int identity_token(struct identity *identity, struct slice name, struct token *token)
{
    struct problem problem;
    int found = accounts_find_token(lock(identity), name, token, &problem);
    return unlock(identity, found, &problem);
}

int identity_each_account(struct identity *identity, account_fn each, void *context)
{
    struct problem problem;
    int rc = accounts_each(lock(identity), each, context, &problem);
    return unlock(identity, rc, &problem);
}

int identity_each_token(struct identity *identity, token_fn each, void *context)
{
    struct problem problem;
    int rc = accounts_each_token(lock(identity), each, context, &problem);
    return unlock(identity, rc, &problem);
}

int64_t identity_sessions(struct identity *identity, int64_t now_ms)
{
    struct problem problem;
    int64_t count = accounts_sessions(lock(identity), now_ms, &problem);
    (void)unlock(identity, count < 0 ? -1 : 0, &problem);
    return count;
}
