#include "node/export_file.h"

#include "api/json.h"
#include "node/csv.h"
#include "proto/ids.h"
#include "proto/localtime.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROW_BYTES (64 * 1024) /* a visit has 16 texts of half a kilobyte at most */
#define COLUMNS 64
#define CHUNK 65536

static int fail(struct export_file *file, struct problem *problem)
{
    int error = errno;

    (void)problem_set(problem,
                      error == ENOSPC || error == EDQUOT ? PROBLEM_DISK_FULL : PROBLEM_DB_FAILED,
                      "make room and do the same again: it goes on where it stopped", "%s: %s",
                      file->part, strerror(error));
    return -1;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int write_row(struct export_file *file)
{
    struct buffer *row = &file->row;

    if (fwrite(row->data, 1, row->len, file->stream) == row->len) {
        return 0;
    }
    file->is_broken = true;
    return file->final != NULL ? fail(file, &file->problem) : -1; /* main tells of stdout */
}

/* The row that has just become whole. `writes`: it is new. */
static int take_row(struct export_file *file, bool writes)
{
    struct buffer whole = file->row;
    bool is_names = file->takes_names;

    file->takes_names = false;
    if (is_names && file->names.len > 0) {
        buffer_clear(&file->row); /* the names again, of a later answer */
        return 0;
    }
    if (writes && write_row(file) != 0) {
        return -1;
    }
    if (is_names) {
        (void)buffer_append(&file->names, whole.data, whole.len); /* as long as a row may be */
        buffer_clear(&file->row);
        return 0;
    }
    file->row = file->last;
    file->last = whole;
    buffer_clear(&file->row);
    file->rows++;
    return 0;
}

static int take(struct export_file *file, struct slice bytes, bool writes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        file->is_quoted ^= file->is_csv && bytes.data[i] == '"';
        if (buffer_append(&file->row, &bytes.data[i], 1) != 0) {
            file->is_broken = true;
            return problem_set(&file->problem, PROBLEM_INTERNAL, NULL, "a row is longer than %d",
                               ROW_BYTES);
        }
        if (bytes.data[i] == '\n' && !file->is_quoted && take_row(file, writes) != 0) {
            return -1;
        }
    }
    return 0;
}

int export_file_take(struct export_file *file, struct slice bytes)
{
    return take(file, bytes, true);
}

void export_file_start(struct export_file *file)
{
    buffer_clear(&file->row); /* a part of a row that the last answer ended in */
    file->is_quoted = false;
    file->takes_names = file->is_csv;
}

/* ---- where to go on -------------------------------------------------------------------------- */

/* What a cell of the last row of CSV says; "" when there is none. `texts`: its cells. */
static const char *cell_of(char **names, int count, char **texts, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return texts[i];
        }
    }
    return "";
}

/* A copy with a NUL instead of the end of the line; the caller frees it. */
static char *copy_row(const struct buffer *row)
{
    char *copy = bytes_allocate(row->len + 1, 1);

    memcpy(copy, row->data, row->len);
    copy[row->len] = '\0';
    for (size_t len = row->len; len > 0 && strchr("\r\n", copy[len - 1]) != NULL; len--) {
        copy[len - 1] = '\0';
    }
    return copy;
}

static bool read_csv(const struct export_file *file, struct history_key *key)
{
    char *names[COLUMNS], *texts[COLUMNS], *end = NULL;
    char *head = copy_row(&file->names), *row = copy_row(&file->last);
    int count = csv_split(head, names, COLUMNS);
    bool good = count > 0 && csv_split(row, texts, COLUMNS) == count;

    if (good) {
        const char *id = cell_of(names, count, texts, "id");
        key->id = (int64_t)strtoll(id, &end, 10);
        good =
            end != id && *end == '\0' &&
            localtime_parse(slice_text(cell_of(names, count, texts, "entry_time")), &key->t) == 0;
    }
    free(head);
    free(row);
    return good;
}

static bool read_json(const struct export_file *file, struct history_key *key)
{
    struct problem unread;
    json_t *visit = json_read_object(buffer_slice(&file->last), &unread);
    const json_t *id = json_object_get(visit, "id");
    bool good =
        json_is_integer(id) && localtime_parse(json_member_text(visit, "entry_time"), &key->t) == 0;

    key->id = json_integer_value(id);
    json_decref(visit);
    return good;
}

int export_file_cursor(struct export_file *file, char cursor[VISIT_CURSOR], struct problem *problem)
{
    struct history_key key = {0, 0};

    if (file->rows == 0) {
        return 0;
    }
    if (file->is_csv ? !read_csv(file, &key) : !read_json(file, &key)) {
        return problem_set(problem, PROBLEM_JSON_INVALID, "remove it and export again",
                           "%s: its last row is no visit of an export",
                           file->final != NULL ? file->part : "stdout");
    }
    visit_cursor_print(HISTORY_BY_ENTRY, &key, cursor);
    return 1;
}

/* ---- the file -------------------------------------------------------------------------------- */

/* Reads what is there, and cuts off the row that is not whole. */
static int take_over(struct export_file *file, struct problem *problem)
{
    char *bytes = bytes_allocate(CHUNK, 1);
    off_t whole = 0;
    size_t got;
    int rc = 0;

    export_file_start(file);
    while (rc == 0 && (got = fread(bytes, 1, CHUNK, file->stream)) > 0) {
        rc = take(file, (struct slice){bytes, got}, false);
        whole += (off_t)got;
    }
    free(bytes);
    whole -= (off_t)file->row.len;
    if (rc != 0) {
        *problem = file->problem;
        return -1;
    }
    if (ferror(file->stream) || fseeko(file->stream, whole, SEEK_SET) != 0 ||
        ftruncate(fileno(file->stream), whole) != 0) {
        return fail(file, problem);
    }
    return 0;
}

int export_file_open(struct export_file *file, const char *path, struct slice query,
                     struct problem *problem)
{
    struct digest digest = body_hash(query);
    char hex[33];

    buffer_init(&file->row, ROW_BYTES);
    buffer_init(&file->last, ROW_BYTES);
    buffer_init(&file->names, ROW_BYTES);
    file->final = path;
    if (path == NULL) {
        file->stream = stdout;
        return 0;
    }
    digest_hex(&digest, hex);
    if ((size_t)snprintf(file->part, sizeof file->part, "%s.%.8s.part", path, hex) >=
        sizeof file->part) {
        return problem_set(problem, PROBLEM_USAGE, NULL, "the path of --output is too long");
    }
    file->stream = fopen(file->part, "r+b");
    if (file->stream == NULL && errno == ENOENT) {
        file->stream = fopen(file->part, "w+bx");
    }
    if (file->stream == NULL) {
        return problem_set(problem, PROBLEM_USAGE, "name a FILE that can be written", "%s: %s",
                           file->part, strerror(errno));
    }
    if (lockf(fileno(file->stream), F_TLOCK, 0) != 0) {
        return problem_set(problem, PROBLEM_BUSY, NULL, "another export writes %s", file->part);
    }
    return take_over(file, problem);
}

int export_file_finish(struct export_file *file, struct problem *problem)
{
    if (file->final == NULL) {
        return 0;
    }
    if (fflush(file->stream) != 0 || fsync(fileno(file->stream)) != 0 ||
        rename(file->part, file->final) != 0) {
        return fail(file, problem);
    }
    return 0;
}

void export_file_close(struct export_file *file)
{
    if (file->stream != NULL && file->stream != stdout) {
        (void)fclose(file->stream); /* finished and flushed, or to be gone on with */
    }
    file->stream = NULL;
    buffer_free(&file->row);
    buffer_free(&file->last);
    buffer_free(&file->names);
}
