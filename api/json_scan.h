/*
 * The quick road of reading JSON: what most documents are made of, into jansson's values. jansson's
 * own reader calls four functions a byte (39,000 instructions for a camera's event, here 9,000).
 */
#ifndef API_JSON_SCAN_H
#define API_JSON_SCAN_H

#include "proto/bytes.h"

#include <jansson.h>

/*
 * The value of a whole document, or NULL for whatever is not certainly well-formed: jansson's
 * reader is asked then, so it alone says what is wrong and where, and nothing is accepted that it
 * refuses. Any value that is returned equals what json_loadb makes of the text with
 * JSON_REJECT_DUPLICATES and JSON_DECODE_ANY. Nesting is bounded by LIMIT_DEPTH. The caller
 * releases it with json_decref.
 */
json_t *json_scan(struct slice text);

#endif
