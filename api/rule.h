/*
 * The fold's rules in words, for the person at the desk. The codes are those of storage/fold.h and
 * storage/history.h; docs/api.md lists them.
 */
#ifndef API_RULE_H
#define API_RULE_H

#include "proto/bytes.h"

/* What the rule means, one sentence in Vietnamese. Never NULL. */
const char *rule_text(struct slice code);

/* What a person may do about something that is listed; NULL when nothing. */
const char *rule_advice(struct slice code);

#endif
