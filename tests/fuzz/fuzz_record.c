/*
 * Files of records: the first byte chooses NDJSON or CSV. What is read is an object or refused, and
 * the second reading says the same.
 */
#include "node/record_file.h"
#include "tests/fuzz/support_source.h"

#include <stdlib.h>
#include <string.h>

struct reading {
    uint64_t records, refused, line;
};

static int each(void *context, uint64_t line, json_t *record, const struct problem *bad,
                struct problem *problem)
{
    struct reading *reading = context;

    (void)problem;
    if (line <= reading->line || (record == NULL) != (bad->code != PROBLEM_OK) ||
        (record != NULL && !json_is_object(record))) {
        abort();
    }
    reading->line = line;
    reading->records += record != NULL;
    reading->refused += record == NULL;
    return 0;
}

static struct reading read_all(const uint8_t *data, size_t size, bool is_csv)
{
    struct reading reading = {0};
    struct problem problem;
    struct record_file file = {.name = "fuzz", .is_csv = is_csv};

    file.stream = fmemopen((void *)(uintptr_t)data, size, "rb"); /* only read */
    if (file.stream == NULL) {
        abort();
    }
    (void)record_file_each(&file, each, &reading, &problem);
    record_file_close(&file);
    return reading;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct reading a = read_all(data + 1, size - 1, data[0] % 2);
    struct reading b = read_all(data + 1, size - 1, data[0] % 2);
    if (memcmp(&a, &b, sizeof a) != 0) {
        abort();
    }
    return 0;
}
