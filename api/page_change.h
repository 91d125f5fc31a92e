/*
 * What the settings page of the existing system asks for, in terms of this central.
 */
#ifndef API_PAGE_CHANGE_H
#define API_PAGE_CHANGE_H

#include "api/json.h"
#include "proto/tariff.h"

/* What a page asks for, against what it was shown. */
struct page_change {
    const json_t *present; /* the configuration as the supervisor shows it */
    struct tariff tariff;  /* in force; then as asked for */
    bool sets_tariff;
    bool names_cameras;  /* the boxes are to be told */
    json_t *cameras;     /* for the configuration's `cameras`; followed at once */
    json_t *home;        /* for its top level: addresses, followed after the answer */
    json_t *not_applied; /* names of what this central has no such setting for */
    char error[300];     /* what is wrong, "" = nothing */
};

/* Host under which the page sees the listener: `bind`, or the central's own address. */
const char *page_change_host(const json_t *present);

/* The database's path. */
void page_change_database(const json_t *present, char *out, size_t size);

/* Copies what the configuration says is wrong, "where: what; where: what", with the names that the
 * page gave these settings; cut to `size`. */
void page_change_name(const char *text, char *out, size_t size);

/* Reads `body` into an otherwise zeroed change with `present` and `tariff`. -1 with `error`. */
int page_change_read(struct page_change *change, const json_t *body);
void page_change_free(struct page_change *change);

#endif
