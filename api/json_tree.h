/*
 * The quick road of reading JSON: yajl reads the text, the values are jansson's. yajl is laxer than
 * jansson, and its errors are told otherwise, so a text is taken only where both certainly agree.
 */
#ifndef API_JSON_TREE_H
#define API_JSON_TREE_H

#include "proto/bytes.h"

#include <jansson.h>

/*
 * The tree that jansson would make of a document with JSON_REJECT_DUPLICATES, at most LIMIT_DEPTH
 * deep. NULL when the text is none, and for rare ones that are: jansson then decides, and says
 * what is wrong and where. The caller releases the value with json_decref. Aborts when the machine
 * is out of memory for the reader. Any thread; takes some 2 KiB of its stack, most of
 * them for strtod, whatever the text.
 */
json_t *json_tree_read(struct slice text);

#endif
