/*
 * The entity tags of If-Match (RFC 9110, 8.8.3 and 13.1.1). Pure.
 */
#ifndef PROTO_ETAG_H
#define PROTO_ETAG_H

#include "proto/bytes.h"

#include <stdbool.h>

/* One tag or more, in quotes and with commas between them; weak ones (W/"...") too. Tags of ASCII
 * only, as ours are. */
bool etag_is_list(struct slice list);

/* Whether `tag` (without quotes) is one that the author saw: a strong tag of `list` is the same, or
 * the list is absent. A weak one names nothing for sure and never matches. */
bool etag_is_seen(struct slice list, const char *tag);

#endif
