/*
 * A visit as the new paths tell it: the same columns as JSON, as a line of NDJSON and as CSV.
 */
#ifndef API_VISIT_ROW_H
#define API_VISIT_ROW_H

#include "api/json.h"
#include "storage/history.h"

/* An object. */
void visit_row_json(struct json_writer *writer, const struct visit *visit);

/* Lines of RFC 4180: the names of the columns, and a row. A text that a spreadsheet would take for
 * a formula gets an apostrophe in front. */
void visit_row_csv_head(struct buffer *out);
void visit_row_csv(struct buffer *out, const struct visit *visit);

/* What names the present state of a visit: the digest of its folded columns, the same at every
 * central. 33 bytes. */
void visit_row_etag(const struct visit *visit, char out[33]);

/* A time with the zone's offset, null when absent. */
void visit_row_time(struct json_writer *writer, const char *key, int64_t ms);

#endif
