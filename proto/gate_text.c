#include "proto/gate_text.h"

#include "proto/limits.h"

#include <stdio.h>

void gate_text_done(bool is_exit, struct slice plate_view, char *out, size_t size)
{
    (void)snprintf(out, size, "Xe %.*s %s bãi", (int)slice_cut(plate_view, LIMIT_TEXT),
                   plate_view.data != NULL ? plate_view.data : "", is_exit ? "RA" : "VÀO");
}
