/*
 * Bytes from a WebSocket that we dialled. Frames stay within what came and what is allowed, and
 * reading part by part ends where reading all at once does.
 */
#include "api/ws_frame.h"
#include "tests/fuzz/support_source.h"

#include <stdlib.h>

#define MOST 4096

static void check_frames(struct slice bytes)
{
    struct ws_frame frame, less;
    size_t used = 0;

    for (;;) {
        struct slice rest = {bytes.data + used, bytes.len - used};
        enum ws_reading reading = ws_frame_read(rest, MOST, &frame);
        if (reading != WS_FRAME) {
            break;
        }
        source_require(frame.size >= 2 && frame.size <= rest.len);
        source_require(frame.payload.len <= MOST);
        source_require(frame.payload.len == 0 ||
                       frame.payload.data + frame.payload.len == rest.data + frame.size);
        /* less of it is not enough, and never wrong */
        source_require(ws_frame_read((struct slice){rest.data, frame.size - 1}, MOST, &less) ==
                       WS_MORE);
        used += frame.size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *exact = source_exact((struct slice){(const char *)data, size});
    struct slice bytes = {exact, size};
    size_t answer = 0;

    if (ws_frame_read_answer(bytes, &answer) != 0 && answer != 0) {
        source_require(answer <= size);
    }
    check_frames(bytes);
    free(exact);
    return 0;
}
