/*
 * curl's multi interface, one handle per call of call_all: no state outlives it, so that threads
 * share nothing. More calls than LIMIT_CALLS wait here and not inside curl, where the time that
 * they wait would count as the time that they take.
 */
#include "api/call.h"

#include "api/libcurl.h"
#include "proto/clock.h"
#include "proto/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* How often a waiting call looks whether it has been abandoned. */
#define CALL_SLICE_MS 100

/* What the calls of one call_all share. */
struct round {
    const struct libcurl *curl;
    CURLM *multi;
    const atomic_bool *abandon;
    struct attempt *attempts;
    size_t count, begun, under_way;
};

/* What one call needs while it is under way. */
struct attempt {
    const struct round *round;
    struct call *call;
    CURL *easy;
    struct curl_slist *lines;
    int64_t heard_ms; /* monotonic; when something came last */
    bool begun;       /* the stream's `begin` was called */
    bool ended;       /* a callback of the stream wanted no more */
    bool too_large;
    char address[128]; /* host:port for people */
};

/* ---- what comes ------------------------------------------------------------------------------ */

static void note_head(struct attempt *attempt)
{
    const struct libcurl *curl = attempt->round->curl;
    char *type = NULL;
    long status = 0;

    (void)curl->easy_getinfo(attempt->easy, CURLINFO_RESPONSE_CODE, &status); /* else 0 */
    (void)curl->easy_getinfo(attempt->easy, CURLINFO_CONTENT_TYPE, &type);    /* else NULL */
    attempt->call->status = (int)status;
    if (type != NULL && strlen(type) < sizeof attempt->call->content_type) {
        (void)snprintf(attempt->call->content_type, sizeof attempt->call->content_type, "%s", type);
    }
}

static int begin(struct attempt *attempt)
{
    const struct call_stream *stream = attempt->call->stream;

    if (attempt->begun) {
        return 0;
    }
    attempt->begun = true;
    note_head(attempt);
    return stream->begin(stream->context, attempt->call->status, attempt->call->content_type);
}

/* curl's write callback: any result but `count` ends the transfer. */
static size_t take_body(char *bytes, size_t one, size_t count, void *pointer)
{
    struct attempt *attempt = pointer;
    const struct call_stream *stream = attempt->call->stream;

    (void)one; /* always 1 */
    attempt->heard_ms = clock_mono_ms();
    if (stream != NULL) {
        if (begin(attempt) < 0 || stream->part(stream->context, (struct slice){bytes, count}) < 0) {
            attempt->ended = true;
            return 0;
        }
        return count;
    }
    if (buffer_append(&attempt->call->answer, bytes, count) != 0) {
        attempt->too_large = true;
        return 0;
    }
    return count;
}

static size_t take_head(char *bytes, size_t one, size_t count, void *pointer)
{
    struct attempt *attempt = pointer;

    (void)bytes;
    (void)one;
    attempt->heard_ms = clock_mono_ms();
    return count;
}

/* ---- one call -------------------------------------------------------------------------------- */

static void fail(struct attempt *attempt, enum call_outcome outcome, const char *what)
{
    struct call *call = attempt->call;

    call->outcome = outcome;
    (void)snprintf(call->error, sizeof call->error, "%s: %s", attempt->address, what);
}

/* The host and port of an http URL as text; its path is nobody's care. -1 for any other URL. */
static int name_address(struct attempt *attempt)
{
    const struct libcurl *curl = attempt->round->curl;
    CURLU *parsed = curl->url();
    char *scheme = NULL, *host = NULL, *port = NULL;
    int rc = -1;

    (void)snprintf(attempt->address, sizeof attempt->address, "?");
    if (parsed != NULL && attempt->call->url != NULL &&
        curl->url_set(parsed, CURLUPART_URL, attempt->call->url, CURLU_DISALLOW_USER) ==
            CURLUE_OK &&
        curl->url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl->url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        (void)snprintf(attempt->address, sizeof attempt->address, "%.100s:%.5s", host, port);
        if (curl->url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK) {
            rc = strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0 ? 0 : -1;
        }
    }
    curl->free(scheme);
    curl->free(host);
    curl->free(port);
    curl->url_cleanup(parsed);
    return rc;
}

static int add_line(struct attempt *attempt, const char *line)
{
    struct curl_slist *longer = attempt->round->curl->slist_append(attempt->lines, line);

    if (longer == NULL) {
        return -1;
    }
    attempt->lines = longer;
    return 0;
}

static int set_lines(struct attempt *attempt)
{
    const struct call *call = attempt->call;
    bool typed = false;

    for (size_t i = 0; call->headers != NULL && call->headers[i] != NULL; i++) {
        typed = typed || strncasecmp(call->headers[i], "content-type:", 13) == 0;
        if (strpbrk(call->headers[i], "\r\n") != NULL || add_line(attempt, call->headers[i]) != 0) {
            return -1;
        }
    }
    if (call->body.data != NULL && !typed && add_line(attempt, "Content-Type: application/json")) {
        return -1;
    }
    /* without it curl waits a second for a "100 Continue" that small servers never send */
    return add_line(attempt, "Expect:");
}

static int set_body(struct attempt *attempt)
{
    const struct call *call = attempt->call;
    const struct libcurl *curl = attempt->round->curl;
    const char *method = call->method != NULL ? call->method : "GET";
    CURL *easy = attempt->easy;

    if (call->body.data != NULL || strcmp(method, "POST") == 0) {
        if (curl->easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len) ||
            curl->easy_setopt(easy, CURLOPT_POSTFIELDS,
                              call->body.data != NULL ? call->body.data : "")) {
            return -1;
        }
    }
    return curl->easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK ? 0 : -1;
}

static long span(int chosen, int otherwise)
{
    return chosen > 0 ? chosen : chosen < 0 ? 0 : otherwise; /* curl's 0 is "none" */
}

static int set_options(struct attempt *attempt)
{
    const struct libcurl *curl = attempt->round->curl;
    const struct call *call = attempt->call;
    CURL *easy = attempt->easy;

    return curl->easy_setopt(easy, CURLOPT_URL, call->url) ||
                   curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") ||
                   curl->easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) ||
                   curl->easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) ||
                   curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) ||
                   /* else a name that is being looked up would hold up the end of the call */
                   curl->easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) ||
                   curl->easy_setopt(easy, CURLOPT_PROXY, "") ||
                   curl->easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) ||
                   curl->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ||
                   curl->easy_setopt(easy, CURLOPT_USERAGENT, "ParkMesh/" PARKMESH_VERSION) ||
                   curl->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                                     span(call->connect_ms, LIMIT_CALL_CONNECT_MS)) ||
                   curl->easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                                     span(call->total_ms, LIMIT_CALL_MS)) ||
                   curl->easy_setopt(easy, CURLOPT_HTTPHEADER, attempt->lines) ||
                   curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_head) ||
                   curl->easy_setopt(easy, CURLOPT_HEADERDATA, attempt) ||
                   curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) ||
                   curl->easy_setopt(easy, CURLOPT_WRITEDATA, attempt) ||
                   curl->easy_setopt(easy, CURLOPT_PRIVATE, attempt)
               ? -1
               : 0;
}

static void start(struct attempt *attempt)
{
    const struct libcurl *curl = attempt->round->curl;
    struct call *call = attempt->call;

    call->outcome = CALL_ANSWERED;
    call->status = 0;
    call->error[0] = call->content_type[0] = '\0';
    buffer_free(&call->answer);
    buffer_init(&call->answer, call->answer_bytes != 0 ? call->answer_bytes : LIMIT_CALL_BYTES);
    attempt->heard_ms = clock_mono_ms();
    if (name_address(attempt) != 0) {
        fail(attempt, CALL_URL, "không phải địa chỉ http; hãy sửa địa chỉ");
        return;
    }
    attempt->easy = curl->easy_init();
    if (attempt->easy == NULL || set_lines(attempt) != 0 || set_options(attempt) != 0 ||
        set_body(attempt) != 0 ||
        curl->multi_add_handle(attempt->round->multi, attempt->easy) != CURLM_OK) {
        fail(attempt, CALL_URL, "không gọi được; hãy kiểm tra địa chỉ");
        curl->easy_cleanup(attempt->easy);
        attempt->easy = NULL;
    }
}

static void finish(struct attempt *attempt)
{
    const struct libcurl *curl = attempt->round->curl;

    if (attempt->easy != NULL) {
        (void)curl->multi_remove_handle(attempt->round->multi, attempt->easy); /* it was added */
        curl->easy_cleanup(attempt->easy);
        attempt->easy = NULL;
    }
    curl->slist_free_all(attempt->lines);
    attempt->lines = NULL;
}

static void explain(struct attempt *attempt, CURLcode code)
{
    char text[160];

    if (attempt->ended) {
        fail(attempt, CALL_ENDED, "đã ngắt giữa chừng");
    } else if (attempt->too_large) {
        fail(attempt, CALL_TOO_LARGE, "trả lời quá dài; hãy kiểm tra địa chỉ");
    } else if (code == CURLE_COULDNT_RESOLVE_HOST) {
        fail(attempt, CALL_UNKNOWN, "không tìm thấy tên máy này; hãy kiểm tra tên hoặc DNS");
    } else if (code == CURLE_COULDNT_CONNECT) {
        fail(attempt, CALL_UNREACHABLE,
             "không kết nối được; hãy kiểm tra máy đó có chạy không, địa chỉ và cổng");
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
        fail(attempt, CALL_LATE, "không trả lời kịp; hãy kiểm tra máy đó và đường truyền");
    } else if (code == CURLE_URL_MALFORMAT) {
        fail(attempt, CALL_URL, "không phải địa chỉ http; hãy sửa địa chỉ");
    } else if (code == CURLE_UNSUPPORTED_PROTOCOL) {
        fail(attempt, CALL_BROKEN, "không trả lời bằng HTTP; hãy kiểm tra cổng");
    } else {
        (void)snprintf(text, sizeof text, "kết nối bị ngắt (%s); hãy thử lại",
                       attempt->round->curl->easy_strerror(code));
        fail(attempt, CALL_BROKEN, text);
    }
}

static void conclude(struct attempt *attempt, CURLcode code)
{
    note_head(attempt);
    if (code == CURLE_OK && attempt->call->stream != NULL && begin(attempt) < 0) {
        attempt->ended = true; /* an answer without a body began only now */
    }
    if (code != CURLE_OK || attempt->ended) {
        explain(attempt, code);
    }
}

/* ---- all calls ------------------------------------------------------------------------------- */

static void collect(struct round *round)
{
    const struct libcurl *curl = round->curl;
    CURLMsg *message;
    int left;

    while ((message = curl->multi_info_read(round->multi, &left)) != NULL) {
        struct attempt *attempt = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE ||
            curl->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &attempt) != CURLE_OK) {
            continue;
        }
        conclude(attempt, code);
        finish(attempt);
        round->under_way--;
    }
}

static void drop_quiet(struct round *round)
{
    int64_t now_ms = clock_mono_ms();

    for (size_t i = 0; i < round->begun; i++) {
        struct attempt *attempt = &round->attempts[i];
        if (attempt->easy != NULL && attempt->call->quiet_ms > 0 &&
            now_ms - attempt->heard_ms > attempt->call->quiet_ms) {
            note_head(attempt);
            fail(attempt, CALL_LATE, "ngừng gửi; hãy kiểm tra máy đó và đường truyền");
            finish(attempt);
            round->under_way--;
        }
    }
}

static void abandon_all(struct round *round)
{
    for (size_t i = 0; i < round->count; i++) {
        struct attempt *attempt = &round->attempts[i];
        if (i < round->begun && attempt->easy == NULL) {
            continue;
        }
        if (attempt->address[0] == '\0') {
            (void)name_address(attempt); /* only for the words */
        }
        fail(attempt, CALL_ABANDONED, "hệ thống đang dừng");
        finish(attempt);
    }
}

static void run(struct round *round)
{
    const struct libcurl *curl = round->curl;
    int running;

    while (round->begun < round->count || round->under_way > 0) {
        while (round->begun < round->count && round->under_way < LIMIT_CALLS &&
               !atomic_load(round->abandon)) {
            struct attempt *attempt = &round->attempts[round->begun++];
            start(attempt);
            round->under_way += attempt->easy != NULL;
        }
        if (atomic_load(round->abandon) ||
            curl->multi_perform(round->multi, &running) != CURLM_OK) {
            abandon_all(round);
            return;
        }
        collect(round);
        drop_quiet(round);
        if (round->under_way > 0 &&
            curl->multi_poll(round->multi, NULL, 0, CALL_SLICE_MS, NULL) != CURLM_OK) {
            abandon_all(round);
            return;
        }
    }
}

int call_prepare(struct problem *problem)
{
    char reason[160];

    if (libcurl_load(reason, sizeof reason) == NULL) {
        return problem_set(problem, PROBLEM_LIBRARY_MISSING, "install the package " LIBCURL_PACKAGE,
                           "the HTTP library cannot be loaded: %s", reason);
    }
    return 0;
}

/* No call can be made, and why. */
static void miss_all(struct call *calls, size_t count, const char *reason)
{
    for (size_t i = 0; i < count; i++) {
        calls[i].outcome = CALL_MISSING;
        (void)snprintf(calls[i].error, sizeof calls[i].error,
                       "không tải được thư viện gọi HTTP (%s); hãy cài gói " LIBCURL_PACKAGE,
                       reason);
    }
}

void call_all(struct call *calls, size_t count, const atomic_bool *abandon)
{
    struct round round = {.abandon = abandon, .count = count};
    char reason[160];

    if (count == 0) {
        return;
    }
    round.curl = libcurl_load(reason, sizeof reason);
    if (round.curl == NULL) {
        miss_all(calls, count, reason);
        return;
    }
    round.attempts = bytes_allocate(count, sizeof *round.attempts);
    round.multi = round.curl->multi_init();
    for (size_t i = 0; i < count; i++) {
        round.attempts[i].round = &round;
        round.attempts[i].call = &calls[i];
    }
    if (round.multi == NULL) {
        abort(); /* out of memory */
    }
    run(&round);
    for (size_t i = 0; i < count; i++) {
        finish(&round.attempts[i]); /* the lines of those that never began */
    }
    (void)round.curl->multi_cleanup(round.multi); /* every handle has been removed */
    free(round.attempts);
}

enum problem_code call_problem(const struct call *call, enum problem_code otherwise)
{
    return call->outcome == CALL_ABANDONED ? PROBLEM_STOPPING
           : call->outcome == CALL_MISSING ? PROBLEM_LIBRARY_MISSING
                                           : otherwise;
}

void call_free(struct call *call)
{
    buffer_free(&call->answer);
}
