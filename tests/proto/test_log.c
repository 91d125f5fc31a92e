#include "proto/log.h"

#include "proto/bytes.h"
#include "tests/proto/support_suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the last log call wrote, with its time replaced by "TIME". */
struct captured {
    char text[4096];
    size_t len;
};

static FILE *capture_start(void)
{
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(dup2(fileno(file), STDERR_FILENO), STDERR_FILENO);
    return file;
}

static struct captured captured(FILE *file)
{
    struct captured captured = {{0}, 0};
    char raw[4096];
    ssize_t len = pread(fileno(file), raw, sizeof raw - 1, 0);
    ck_assert_int_ge(len, 0);
    ck_assert_int_eq(ftruncate(fileno(file), 0), 0);
    ck_assert_int_eq(lseek(STDERR_FILENO, 0, SEEK_SET), 0);
    raw[len] = '\0';
    captured.len = (size_t)len;
    char *time = strstr(raw, "20");
    if (!time) {
        return captured;
    }
    /* 2026-11-22T08:15:03.123Z */
    ck_assert(time[4] == '-' && time[10] == 'T' && time[19] == '.' && time[23] == 'Z');
    (void)snprintf(captured.text, sizeof captured.text, "%.*sTIME%s", (int)(time - raw), raw,
                   time + 24);
    return captured;
}

START_TEST(writes_text)
{
    FILE *file = capture_start();
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_info("PEER_UP", "peer=%s rtt_ms=%d", "central-2", 3);
    ck_assert_str_eq(captured(file).text, "TIME INFO PEER_UP peer=central-2 rtt_ms=3\n");
    log_error("X", "%s", "");
    ck_assert_str_eq(captured(file).text, "TIME ERROR X\n");
    log_debug("HIDDEN", "a=%d", 1);
    ck_assert_uint_eq(captured(file).len, 0);
    log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
    log_debug("SHOWN", "a=%d", 1);
    ck_assert_str_eq(captured(file).text, "TIME DEBUG SHOWN a=1\n");
}
END_TEST

START_TEST(writes_json)
{
    static const struct {
        const char *pairs, *members;
    } rows[] = {
        {"", ""},
        {"a=1", ",\"a\":1"},
        {"a=-0.5e+3 b=true c=false", ",\"a\":-0.5e+3,\"b\":true,\"c\":false"},
        {"a=01 b=1. c=.5 d=+1 e=1e f=- g=0x1 h=nan",
         ",\"a\":\"01\",\"b\":\"1.\",\"c\":\".5\",\"d\":\"+1\",\"e\":\"1e\",\"f\":\"-\","
         "\"g\":\"0x1\",\"h\":\"nan\""},
        {"a=x b=", ",\"a\":\"x\",\"b\":\"\""},
        {"a=\"1\" b=\"two words\"", ",\"a\":\"1\",\"b\":\"two words\""},
        {"a=\"say \\\"x\\\" \\\\ \\u000a\" b=2", ",\"a\":\"say \\\"x\\\" \\\\ \\u000a\",\"b\":2"},
        {"a=\"open", ",\"a\":\"open\""},
        {"a=\"bad \\q \\u12\"", ",\"a\":\"bad \\\\q \\\\u12\""},
        {"a=q\"w\\e", ",\"a\":\"q\\\"w\\\\e\""},
        {"words without key a=1", ",\"text\":\"words without key a=1\""},
        {"  a=1   b=2 ", ",\"a\":1,\"b\":2"},
        {"code=X level=Y time=Z", ",\"_code\":\"X\",\"_level\":\"Y\",\"_time\":\"Z\""},
        {"url=http://x/?a=b", ",\"url\":\"http://x/?a=b\""},
        {"biển=51Đ", ",\"biển\":\"51Đ\""},
    };
    FILE *file = capture_start();
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char expected[1000];
        (void)snprintf(expected, sizeof expected,
                       "{\"time\":\"TIME\",\"level\":\"WARN\",\"code\":\"CODE\"%s}\n",
                       rows[i].members);
        log_warn("CODE", "%s", rows[i].pairs);
        ck_assert_str_eq(captured(file).text, expected);
    }
}
END_TEST

START_TEST(one_call_is_one_line)
{
    FILE *file = capture_start();
    for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
        log_setup(LOG_LEVEL_INFO, (enum log_format)format);
        log_info("X", "a=%s", "1\nINFO FORGED b=\x1b[2J\xff");
        struct captured line = captured(file);
        ck_assert_ptr_eq(strchr(line.text, '\n'), line.text + strlen(line.text) - 1);
        ck_assert_ptr_nonnull(strstr(line.text, "1?INFO"));
        ck_assert_ptr_nonnull(strstr(line.text, "?[2J?"));
    }
}
END_TEST

START_TEST(a_long_line_is_cut)
{
    char words[5000];
    memset(words, 'x', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    FILE *file = capture_start();
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    log_info("X", "a=%s", words);
    struct captured line = captured(file);
    ck_assert_uint_eq(line.len, 2000);
    ck_assert_int_eq(line.text[strlen(line.text) - 1], '\n');

    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_info("X", "a=1 b=%s", words);
    line = captured(file);
    ck_assert_uint_le(line.len, 2000);
    ck_assert_ptr_nonnull(strstr(line.text, "\"a\":1,\"cut\":true}\n"));
}
END_TEST

START_TEST(quotes)
{
    char out[40];
    ck_assert_str_eq(log_quote("a \"b\" \\ \n", out, sizeof out), "\"a \\\"b\\\" \\\\ \\u000a\"");
    ck_assert_str_eq(log_quote("giờ", out, sizeof out), "\"giờ\"");
    ck_assert_str_eq(log_quote("giờ", out, 7), "\"gi\"");
    ck_assert_str_eq(log_quote("a\nb", out, 8), "\"a\"");
    ck_assert_str_eq(log_quote("abc", out, 3), "\"\"");
    ck_assert_str_eq(log_quote(NULL, out, sizeof out), "\"\"");
    for (size_t size = 3; size < sizeof out; size++) {
        log_quote("\x01\"\\ờ\xff\xc3", out, size);
        ck_assert_uint_lt(strlen(out), size);
    }
}
END_TEST

START_TEST(problems_are_logged_under_their_code)
{
    struct problem problem;
    FILE *file = capture_start();
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    (void)problem_set(&problem, PROBLEM_DB_LOCKED, "stop it", "locked by \"x\"");
    log_problem(LOG_LEVEL_ERROR, &problem);
    ck_assert_str_eq(captured(file).text,
                     "TIME ERROR DB_LOCKED text=\"locked by \\\"x\\\"\" hint=\"stop it\"\n");
}
END_TEST

int main(void)
{
    const TTest *tests[] = {writes_text,        writes_json, one_call_is_one_line,
                            a_long_line_is_cut, quotes,      problems_are_logged_under_their_code};
    return suite_run("log", tests, sizeof tests / sizeof *tests);
}
