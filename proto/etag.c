#include "proto/etag.h"

#include <string.h>

/* Takes the next tag, without quotes, off `left`. 1, 0 at the end, -1 for what is none. Empty
 * elements count for nothing (RFC 9110, 5.6.1.2). */
static int next(struct slice *left, struct slice *tag, bool *weak)
{
    size_t at = 0, end;

    while (at < left->len && strchr(" \t,", left->data[at]) != NULL) {
        at++;
    }
    if (at == left->len) {
        return 0;
    }
    *weak = left->len - at > 2 && memcmp(left->data + at, "W/", 2) == 0;
    at += *weak ? 2 : 0;
    if (left->data[at] != '"') {
        return -1;
    }
    for (end = at + 1; end < left->len && left->data[end] != '"'; end++) {
        if (left->data[end] <= ' ' || left->data[end] > '~') {
            return -1;
        }
    }
    if (end == left->len) {
        return -1;
    }
    *tag = (struct slice){left->data + at + 1, end - at - 1};
    for (at = end + 1; at < left->len && strchr(" \t", left->data[at]) != NULL; at++) {
    }
    *left = (struct slice){left->data + at, left->len - at};
    return left->len == 0 || left->data[0] == ',' ? 1 : -1;
}

bool etag_is_list(struct slice list)
{
    struct slice tag;
    bool weak;
    int rc, count = 0;

    while ((rc = next(&list, &tag, &weak)) == 1) {
        count++;
    }
    return rc == 0 && count > 0;
}

bool etag_is_seen(struct slice list, const char *tag)
{
    struct slice each;
    bool weak;

    if (list.data == NULL) {
        return true;
    }
    while (next(&list, &each, &weak) == 1) {
        if (!weak && slice_equal(each, slice_text(tag))) {
            return true;
        }
    }
    return false;
}
