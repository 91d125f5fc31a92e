#include "api/ws_frame.h"

#include "tests/support_main.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t MASK[4] = {0x37, 0xfa, 0x21, 0x3d};

START_TEST(test_request)
{
    static const uint8_t nonce[16] = "the sample nonce"; /* of RFC 6455, 1.3 */
    struct buffer out = {0};

    ws_frame_put_request(&out, "10.0.0.2", 8000, "/ws/p2p", nonce);
    ck_assert(slice_equal(
        buffer_slice(&out),
        slice_text("GET /ws/p2p HTTP/1.1\r\nHost: 10.0.0.2:8000\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                   "Sec-WebSocket-Version: 13\r\n\r\n")));
    buffer_free(&out);
}
END_TEST

START_TEST(test_answer)
{
    static const struct {
        const char *text;
        int result;
        size_t size;
    } cases[] = {
        {"", 0, 0},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n", 0, 0},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81", 1, 56},
        {"HTTP/1.1 101 x\r\nconnection: upgrade\r\nUPGRADE:  WebSocket\r\n\r\n", 1, 60},
        {"HTTP/1.1 101 x\r\n\r\n", -1, 18},
        {"HTTP/1.1 101 x\r\nUpgrade: h2c\r\n\r\n", -1, 32},
        {"HTTP/1.1 403 Forbidden\r\nUpgrade: websocket\r\n\r\n", -1, 46},
        {"zzz\r\n\r\n", -1, 7},
    };
    char *long_one = malloc(9000);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size = 0;
        ck_assert_msg(ws_frame_read_answer(slice_text(cases[i].text), &size) == cases[i].result,
                      "%zu", i);
        ck_assert_msg(size == cases[i].size, "%zu: %zu", i, size);
    }
    memset(long_one, 'a', 9000);
    ck_assert_int_eq(ws_frame_read_answer((struct slice){long_one, 9000}, &(size_t){0}), -1);
    free(long_one);
    ck_assert_int_eq(ws_frame_read_answer((struct slice){0}, &(size_t){0}), 0);
}
END_TEST

/* What we send, with its mask taken off, is what a server would read; at every size of length. */
START_TEST(test_written_and_read)
{
    static const size_t sizes[] = {0, 1, 5, 125, 126, 127, 65535, 65536, 70001};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct buffer out = {0};
        struct ws_frame frame;
        size_t head = 2 + (sizes[i] > 65535 ? 8u : sizes[i] > 125 ? 2u : 0u);
        char *payload = malloc(sizes[i] + 1), *whole;
        for (size_t j = 0; j < sizes[i]; j++) {
            payload[j] = (char)(j * 7);
        }
        ws_frame_put(&out, WS_TEXT, (struct slice){payload, sizes[i]}, MASK);
        ck_assert_uint_eq(out.len, head + 4 + sizes[i]);
        ck_assert(((unsigned char)out.data[1] & 0x80) != 0);
        ck_assert(memcmp(out.data + head, MASK, 4) == 0);
        /* as a server sends it: no mask */
        whole = malloc(head + sizes[i] + 1);
        memcpy(whole, out.data, head);
        whole[1] = (char)((unsigned char)whole[1] & 0x7f);
        for (size_t j = 0; j < sizes[i]; j++) {
            whole[head + j] = (char)((unsigned char)out.data[head + 4 + j] ^ MASK[j % 4]);
        }
        ck_assert_int_eq(ws_frame_read((struct slice){whole, head + sizes[i]}, 70001, &frame),
                         WS_FRAME);
        ck_assert(slice_equal(frame.payload, (struct slice){whole + head, sizes[i]}));
        ck_assert(memcmp(whole + head, payload, sizes[i]) == 0);
        ck_assert_uint_eq(frame.size, head + sizes[i]);
        ck_assert(frame.is_last && frame.opcode == WS_TEXT);
        for (size_t cut = 0; cut < head + sizes[i]; cut += cut < 20 ? 1 : 997) {
            ck_assert_int_eq(ws_frame_read((struct slice){whole, cut}, 70001, &frame), WS_MORE);
        }
        if (sizes[i] > 0) {
            ck_assert_int_eq(ws_frame_read((struct slice){whole, head}, sizes[i] - 1, &frame),
                             WS_TOO_LARGE);
        }
        free(whole);
        free(payload);
        buffer_free(&out);
    }
}
END_TEST

START_TEST(test_wrong)
{
    static const char *const wrong[] = {
        "\xc1\x01x",                         /* a reserved bit */
        "\x83\x01x",                         /* a reserved opcode */
        "\x8b\x01x",        "\x81\x81xxxxx", /* masked */
        "\x09\x01x",                         /* a ping in parts */
        "\x89\x7e\x01\x01",                  /* a long one */
    };
    struct ws_frame frame;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(ws_frame_read(slice_text(wrong[i]), 1000, &frame) == WS_WRONG, "%zu", i);
    }
    ck_assert_int_eq(
        ws_frame_read((struct slice){"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10}, 1000, &frame),
        WS_TOO_LARGE);
    ck_assert_int_eq(ws_frame_read((struct slice){"\x01\x02hi", 4}, 1000, &frame), WS_FRAME);
    ck_assert(!frame.is_last);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws_frame");
    TCase *tests = tcase_create("ws_frame");

    tcase_add_test(tests, test_request);
    tcase_add_test(tests, test_answer);
    tcase_add_test(tests, test_written_and_read);
    tcase_add_test(tests, test_wrong);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
