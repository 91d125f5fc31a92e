/*
 * A command of the command line asks the running central over its own HTTP port.
 */
#ifndef NODE_OWN_API_H
#define NODE_OWN_API_H

#include "node/config.h"

#include <jansson.h>

/* One request; an empty `body` sends none. The api_token of the configuration goes with it. The
 * object that was answered, for json_decref; NULL when no central answers at the configured
 * addresses (`*is_running` false) or what answered is none (true). Any status is an answer. */
json_t *own_api_ask(const struct config *config, const char *method, const char *path,
                    struct slice body, bool *is_running);

/* The text of a member; "" when there is none. Borrows. */
const char *own_api_text(const json_t *object, const char *key);

#endif
