#include "node/syncer.h"

#include "node/fatal.h"
#include "storage/store.h"

#include <string.h>
#include <sys/prctl.h>

/* False at $TERM, or when the context is going. */
static bool is_asked(zsock_t *pipe)
{
    char *word = zstr_recv(pipe);
    bool asked = word != NULL && strcmp(word, "$TERM") != 0;

    zstr_free(&word);
    return asked;
}

void syncer_actor(zsock_t *pipe, void *args)
{
    struct problem problem;

    (void)prctl(PR_SET_NAME, "syncer"); /* as top -H shows it */
    (void)zsock_signal(pipe, 0);
    while (is_asked(pipe)) {
        if (store_sync(args, &problem) != 0) {
            fatal_when_failed(&problem);
        }
        (void)zstr_send(pipe, "");
    }
}
