#include "proto/gate_text.h"

#include "proto/limits.h"

void gate_text_done(bool is_exit, struct slice plate_view, char *out, size_t size)
{
    const struct slice parts[] = {slice_text("Xe "),
                                  {plate_view.data, slice_cut(plate_view, LIMIT_TEXT)},
                                  slice_text(is_exit ? " RA bãi" : " VÀO bãi")};

    slice_join(parts, sizeof parts / sizeof *parts, out, size);
}
