/*
 * Plates as cameras and people type them. What is accepted is made of itself: cleaning it up again
 * changes nothing.
 */
#include "proto/plate.h"

#include "proto/wire.h"
#include "tests/fuzz/support_source.h"

#include <stdlib.h>
#include <string.h>

#define SMALL 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct plate plate, again;
    char id[LIMIT_PLATE + 1], few[SMALL];
    char *copy = source_exact((struct slice){(const char *)data, size});
    struct slice text = {copy, size};

    source_require(plate_reduce(text, few, sizeof few) == strlen(few));
    if (plate_parse(text, &plate) == 0) {
        source_require(strlen(plate.id) >= LIMIT_PLATE_MIN && strlen(plate.id) <= LIMIT_PLATE);
        source_require(strspn(plate.id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") ==
                       strlen(plate.id));
        source_require(strlen(plate.view) <= LIMIT_PLATE && wire_is_utf8(slice_text(plate.view)));
        source_require(plate_reduce(slice_text(plate.view), id, sizeof id) == strlen(plate.id));
        source_require(strcmp(id, plate.id) == 0);
        source_require(plate_parse(slice_text(plate.view), &again) == 0);
        source_require(strcmp(again.view, plate.view) == 0 && strcmp(again.id, plate.id) == 0);
    }
    free(copy);
    return 0;
}
