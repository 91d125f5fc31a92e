#include "node/record_file.h"

#include "api/json.h"
#include "node/csv.h"
#include "proto/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define RECORD_BYTES LIMIT_HTTP_BODY /* a longer one fits no request */
#define DATABASE "SQLite format 3"
#define FORMULA "=+-@\t\r\n|" /* what an export puts an apostrophe before (api/visit_row.c) */

/* ---- lines ----------------------------------------------------------------------------------- */

/* Appends the next line to the row, without its end. 1, or 0 at the end of the file or when it
 * cannot be read. Of what is too long the row keeps a part and is `full`. */
static int read_line(struct record_file *file)
{
    struct buffer *row = &file->row;
    int byte = getc(file->stream);

    if (byte == EOF) {
        return 0;
    }
    for (; byte != EOF && byte != '\n'; byte = getc(file->stream)) {
        char character = (char)byte;
        (void)buffer_append(row, &character, 1); /* the caller looks whether it is full */
    }
    if (row->len > 0 && row->data[row->len - 1] == '\r') {
        row->len--;
    }
    file->line++;
    return 1;
}

/* The next row that is not empty, with a NUL behind it: 1, or 0. `*line` is where it begins. */
static int read_row(struct record_file *file, uint64_t *line)
{
    struct buffer *row = &file->row;

    do {
        buffer_clear(row);
        *line = file->line + 1;
        if (read_line(file) == 0) {
            return 0;
        }
        while (file->is_csv && !row->full && csv_is_open(buffer_slice(row))) {
            (void)buffer_append(row, "\n", 1); /* as above */
            if (read_line(file) == 0) {
                break;
            }
        }
    } while (row->len == 0 && !row->full);
    if (*line == 1 && row->len >= 3 && memcmp(row->data, "\xef\xbb\xbf", 3) == 0) {
        row->len -= 3; /* editors leave a byte order mark */
        memmove(row->data, row->data + 3, row->len);
    }
    (void)buffer_append(row, "", 1); /* as above */
    return 1;
}

/* ---- CSV ------------------------------------------------------------------------------------- */

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(*names, name) != 0) {
        names++;
    }
    return *names != NULL;
}

/* A cell that is no text; NULL when it is none of these, so that the central refuses it. */
static json_t *number_or_flag(const char *name, const char *text)
{
    static const char *const REALS[] = {"confidence", "timestamp", "entry_confidence",
                                        "exit_confidence", NULL};
    static const char *const INTEGERS[] = {"fee", NULL};
    static const char *const FLAGS[] = {"is_anomaly", "suspect", NULL};
    char *end = NULL;

    errno = 0;
    if (is_one_of(name, REALS)) {
        double value = strtod(text, &end);
        return errno == 0 && *end == '\0' ? json_real(value) : NULL;
    }
    if (is_one_of(name, INTEGERS)) {
        long long value = strtoll(text, &end, 10);
        return errno == 0 && *end == '\0' ? json_integer(value) : NULL;
    }
    if (is_one_of(name, FLAGS) && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) {
        return json_boolean(text[0] == 't');
    }
    return NULL;
}

static json_t *cell(const struct record_file *file, const char *name, const char *text)
{
    json_t *value;

    if (text[0] == '\0') {
        return json_null();
    }
    if (file->is_visits && text[0] == '\'') {
        size_t quotes = strspn(text, "'");
        text += text[quotes] != '\0' && strchr(FORMULA, text[quotes]) != NULL;
    }
    value = number_or_flag(name, text);
    return value != NULL ? value : json_string(text);
}

static json_t *row_record(struct record_file *file, struct problem *bad)
{
    char *fields[RECORD_COLUMNS];
    int count = csv_split(file->row.data, fields, RECORD_COLUMNS);
    json_t *record = json_object();

    if (count > file->name_count || count < 1) {
        json_decref(record);
        (void)problem_set(bad, PROBLEM_FIELD_INVALID, NULL,
                          "the row does not fit the names in the first one");
        return NULL;
    }
    for (int i = 0; i < count; i++) {
        json_t *value = cell(file, file->names[i], fields[i]);
        if (json_is_null(value) && !file->is_visits) {
            continue;
        }
        if (json_object_set_new(record, file->names[i], value) != 0) {
            json_decref(record);
            (void)problem_set(bad, PROBLEM_FIELD_INVALID, NULL, "a cell is not UTF-8");
            return NULL;
        }
    }
    return record;
}

static int read_names(struct record_file *file, struct problem *problem)
{
    uint64_t line;
    bool is_events = false;

    if (read_row(file, &line) == 0) {
        return 0; /* an empty file */
    }
    (void)buffer_append(&file->header, file->row.data, file->row.len); /* as long as a row may be */
    file->name_count =
        file->row.full ? -1 : csv_split(file->header.data, file->names, RECORD_COLUMNS);
    for (int i = 0; i < file->name_count; i++) {
        is_events =
            is_events || strcmp(file->names[i], "kind") == 0 || strcmp(file->names[i], "type") == 0;
    }
    file->is_visits = !is_events;
    return file->name_count > 0 ? 0
                                : problem_set(problem, PROBLEM_JSON_INVALID, NULL,
                                              "%s: the first row has no names", file->name);
}

/* ---- records --------------------------------------------------------------------------------- */

static json_t *take_row(struct record_file *file, struct problem *bad)
{
    if (file->row.full) {
        (void)problem_set(bad, PROBLEM_BODY_TOO_LARGE, NULL, "longer than %d bytes", RECORD_BYTES);
        return NULL;
    }
    if (memchr(file->row.data, '\0', file->row.len - 1) != NULL) {
        (void)problem_set(bad, PROBLEM_FIELD_INVALID, NULL, "a NUL byte is no text");
        return NULL;
    }
    return file->is_csv ? row_record(file, bad) : json_read_object(slice_text(file->row.data), bad);
}

int record_file_each(struct record_file *file, record_fn each, void *context,
                     struct problem *problem)
{
    uint64_t line;
    int rc = file->is_csv ? read_names(file, problem) : 0;

    while (rc == 0 && read_row(file, &line) == 1) {
        struct problem bad = {.code = PROBLEM_OK};
        json_t *record = take_row(file, &bad);
        rc = each(context, line, record, &bad, problem);
        json_decref(record);
    }
    if (rc == 0 && ferror(file->stream)) {
        rc = problem_set(problem, PROBLEM_DB_FAILED, NULL, "%s: %s", file->name, strerror(errno));
    }
    return rc;
}

/* ---- the file -------------------------------------------------------------------------------- */

bool record_file_is_database(const char *path)
{
    char start[sizeof DATABASE] = "";
    FILE *stream = fopen(path, "rb");
    bool is_one = stream != NULL && fread(start, 1, sizeof start - 1, stream) > 0 &&
                  strcmp(start, DATABASE) == 0;

    if (stream != NULL) {
        (void)fclose(stream); /* it was only read */
    }
    return is_one;
}

/* Counts the lines of a file that can be read twice. */
static void count_lines(struct record_file *file)
{
    char bytes[16384];
    struct stat status;
    size_t got;

    if (fstat(fileno(file->stream), &status) != 0 || !S_ISREG(status.st_mode)) {
        return;
    }
    while ((got = fread(bytes, 1, sizeof bytes, file->stream)) > 0) {
        for (size_t i = 0; i < got; i++) {
            file->lines += bytes[i] == '\n';
        }
    }
    rewind(file->stream);
}

int record_file_open(struct record_file *file, const char *path, struct problem *problem)
{
    size_t len = strlen(path);

    *file = (struct record_file){.name = strcmp(path, "-") == 0 ? "stdin" : path};
    buffer_init(&file->row, RECORD_BYTES);
    buffer_init(&file->header, RECORD_BYTES);
    file->is_csv = len > 4 && strcmp(path + len - 4, ".csv") == 0;
    file->stream = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (file->stream == NULL) {
        return problem_set(problem, PROBLEM_USAGE, NULL, "%s: %s", path, strerror(errno));
    }
    count_lines(file);
    return 0;
}

void record_file_close(struct record_file *file)
{
    if (file->stream != NULL && file->stream != stdin) {
        (void)fclose(file->stream); /* it was only read */
    }
    file->stream = NULL;
    buffer_free(&file->row);
    buffer_free(&file->header);
}
