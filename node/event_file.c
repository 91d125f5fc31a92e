#include "node/event_file.h"

#include "api/json.h"
#include "proto/clock.h"
#include "proto/limits.h"
#include "proto/localtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define COLUMNS 40
#define DATABASE "SQLite format 3"

/* ---- CSV ------------------------------------------------------------------------------------- */

/* Splits a line in place. The count of fields, or -1 for quotes that do not end or too many. */
static int split(char *line, char *fields[COLUMNS])
{
    int count = 0;
    char *from = line;

    do {
        char *to = from;
        bool quoted = *from == '"';
        if (count == COLUMNS) {
            return -1;
        }
        fields[count++] = to;
        for (from += quoted; *from != '\0' && (quoted || *from != ','); from++) {
            if (quoted && *from == '"' && from[1] != '"') {
                quoted = false;
                continue;
            }
            from += quoted && *from == '"';
            *to++ = *from;
        }
        if (quoted) {
            return -1;
        }
        line = *from == ',' ? from + 1 : NULL;
        *to = '\0';
        from = line;
    } while (from != NULL);
    return count;
}

/* The event of a row. Empty fields are absent. */
static json_t *row_event(char *const *names, int name_count, char *line, struct problem *problem)
{
    char *fields[COLUMNS];
    int count = split(line, fields);
    json_t *event = json_object();

    if (count > name_count || count < 1) {
        json_decref(event);
        (void)problem_set(problem, PROBLEM_FIELD_INVALID, NULL,
                          "the row does not fit the names in the first line");
        return NULL;
    }
    for (int i = 0; i < count; i++) {
        bool is_number = strcmp(names[i], "confidence") == 0 || strcmp(names[i], "timestamp") == 0;
        json_t *value = is_number ? json_real(strtod(fields[i], NULL)) : json_string(fields[i]);
        if (fields[i][0] == '\0') {
            json_decref(value);
        } else if (value == NULL || json_object_set_new(event, names[i], value) != 0) {
            json_decref(event);
            (void)problem_set(problem, PROBLEM_FIELD_INVALID, NULL, "a field is not UTF-8");
            return NULL;
        }
    }
    return event;
}

/* ---- one event ------------------------------------------------------------------------------- */

/* The central takes its own clock instead of a time that it does not believe: for events of the
 * past that would be wrong, so they are not sent. */
static int check_time(const json_t *event, struct problem *problem)
{
    const json_t *stamp = json_object_get(event, "timestamp");
    int64_t ms, now_ms = clock_wall_ms();

    if (json_is_number(stamp)) {
        ms = (int64_t)(json_number_value(stamp) * 1000);
    } else if (localtime_parse(json_member_text(event, "time"), &ms) != 0) {
        return problem_set(problem, PROBLEM_FIELD_INVALID, NULL,
                           "an event of the past needs a time, RFC 3339 with an offset");
    }
    if (ms < now_ms - LIMIT_DEVICE_LATE_MS || ms > now_ms + LIMIT_DEVICE_EARLY_MS) {
        return problem_set(problem, PROBLEM_FIELD_INVALID, NULL,
                           "a central believes times of the past 7 days only");
    }
    return 0;
}

static int send_event(const struct event_file *file, struct sender *sender, uint64_t number,
                      json_t *event, struct problem *problem)
{
    struct problem bad;
    int rc = 0;

    if (file->needs_time && check_time(event, &bad) != 0) {
        sender_refuse(sender, number, &bad);
    } else {
        rc = sender_add(sender, number, event, problem);
    }
    json_decref(event);
    return rc;
}

/* ---- the file -------------------------------------------------------------------------------- */

/* Counts the lines of a file that can be read twice; 0 for others. -1: it is a database. */
static int survey(FILE *stream, uint64_t *lines)
{
    char start[sizeof DATABASE] = "";
    struct stat status;
    int byte;

    *lines = 0;
    if (fstat(fileno(stream), &status) != 0 || !S_ISREG(status.st_mode)) {
        return 0;
    }
    if (fread(start, 1, sizeof start - 1, stream) > 0 && strcmp(start, DATABASE) == 0) {
        return -1;
    }
    rewind(stream);
    while ((byte = getc(stream)) != EOF) {
        *lines += byte == '\n';
    }
    rewind(stream);
    return 0;
}

int event_file_open(struct event_file *file, const char *path, struct sender *sender,
                    struct problem *problem)
{
    size_t len = strlen(path);

    file->name = strcmp(path, "-") == 0 ? "stdin" : path;
    file->is_csv = len > 4 && strcmp(path + len - 4, ".csv") == 0;
    file->stream = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (file->stream == NULL) {
        return problem_set(problem, PROBLEM_USAGE, NULL, "%s: %s", path, strerror(errno));
    }
    sender->progress.what = "lines";
    if (survey(file->stream, &sender->progress.all) != 0) {
        return problem_set(problem, PROBLEM_JSON_INVALID,
                           "put it into the data directory as central.db: parkmesh run takes it "
                           "over at the start",
                           "%s is a database, not a file of events", file->name);
    }
    return 0;
}

void event_file_close(struct event_file *file)
{
    if (file->stream != NULL && file->stream != stdin) {
        (void)fclose(file->stream); /* it was only read */
    }
    file->stream = NULL;
}

int event_file_send(struct event_file *file, struct sender *sender, struct problem *problem)
{
    char *line = NULL, *header = NULL, *names[COLUMNS];
    size_t size = 0;
    ssize_t len;
    int name_count = 0, rc = 0;
    uint64_t number = 0;

    while (rc == 0 && (len = getline(&line, &size, file->stream)) > 0) {
        struct problem bad = {.code = PROBLEM_OK};
        number++;
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '\0') {
            continue;
        }
        if (file->is_csv && header == NULL) {
            header = strdup(line);
            name_count = header != NULL ? split(header, names) : -1;
            rc = name_count > 0 ? 0
                                : problem_set(problem, PROBLEM_JSON_INVALID, NULL,
                                              "%s: the first line has no names", file->name);
            continue;
        }
        json_t *event = file->is_csv ? row_event(names, name_count, line, &bad)
                                     : json_read_object(slice_text(line), &bad);
        if (event == NULL) {
            sender_refuse(sender, number, &bad);
        } else {
            rc = send_event(file, sender, number, event, problem);
        }
    }
    if (rc == 0 && ferror(file->stream)) {
        rc = problem_set(problem, PROBLEM_DB_FAILED, NULL, "%s: %s", file->name, strerror(errno));
    }
    free(line);
    free(header);
    return rc == 0 ? sender_flush(sender, problem) : rc;
}
