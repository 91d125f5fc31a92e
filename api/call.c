/*
 * curl's multi interface, one handle per call of call_all: no state outlives it, so that threads
 * share nothing. More calls than LIMIT_CALLS wait here and not inside curl, where the time that
 * they wait would count as the time that they take.
 */
#include "api/call.h"

#include "proto/clock.h"
#include "proto/limits.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* How often a waiting call looks whether it has been abandoned. */
#define CALL_SLICE_MS 100

/* What one call needs while it is under way. */
struct attempt {
    struct call *call;
    CURL *easy;
    struct curl_slist *lines;
    int64_t heard_ms; /* monotonic; when something came last */
    bool begun;       /* the stream's `begin` was called */
    bool ended;       /* a callback of the stream wanted no more */
    bool too_large;
    char address[128]; /* host:port for people */
};

int call_start(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -1;
}

void call_stop(void)
{
    curl_global_cleanup();
}

/* ---- what comes ------------------------------------------------------------------------------ */

static void note_head(struct attempt *attempt)
{
    char *type = NULL;
    long status = 0;

    (void)curl_easy_getinfo(attempt->easy, CURLINFO_RESPONSE_CODE, &status); /* else 0 */
    (void)curl_easy_getinfo(attempt->easy, CURLINFO_CONTENT_TYPE, &type);    /* else NULL */
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
    CURLU *parsed = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL;
    int rc = -1;

    (void)snprintf(attempt->address, sizeof attempt->address, "?");
    if (parsed != NULL && attempt->call->url != NULL &&
        curl_url_set(parsed, CURLUPART_URL, attempt->call->url, CURLU_DISALLOW_USER) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        (void)snprintf(attempt->address, sizeof attempt->address, "%.100s:%.5s", host, port);
        if (curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK) {
            rc = strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0 ? 0 : -1;
        }
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parsed);
    return rc;
}

static int add_line(struct attempt *attempt, const char *line)
{
    struct curl_slist *longer = curl_slist_append(attempt->lines, line);

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
    const char *method = call->method != NULL ? call->method : "GET";
    CURL *easy = attempt->easy;

    if (call->body.data != NULL || strcmp(method, "POST") == 0) {
        if (curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len) ||
            curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                             call->body.data != NULL ? call->body.data : "")) {
            return -1;
        }
    }
    return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK ? 0 : -1;
}

static long span(int chosen, int otherwise)
{
    return chosen > 0 ? chosen : chosen < 0 ? 0 : otherwise; /* curl's 0 is "none" */
}

static int set_options(struct attempt *attempt)
{
    const struct call *call = attempt->call;
    CURL *easy = attempt->easy;

    return curl_easy_setopt(easy, CURLOPT_URL, call->url) ||
                   curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") ||
                   curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) ||
                   curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) ||
                   curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) ||
                   /* else a name that is being looked up would hold up the end of the call */
                   curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) ||
                   curl_easy_setopt(easy, CURLOPT_PROXY, "") ||
                   curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) ||
                   curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ||
                   curl_easy_setopt(easy, CURLOPT_USERAGENT, "ParkMesh/" PARKMESH_VERSION) ||
                   curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                                    span(call->connect_ms, LIMIT_CALL_CONNECT_MS)) ||
                   curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                                    span(call->total_ms, LIMIT_CALL_MS)) ||
                   curl_easy_setopt(easy, CURLOPT_HTTPHEADER, attempt->lines) ||
                   curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_head) ||
                   curl_easy_setopt(easy, CURLOPT_HEADERDATA, attempt) ||
                   curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) ||
                   curl_easy_setopt(easy, CURLOPT_WRITEDATA, attempt) ||
                   curl_easy_setopt(easy, CURLOPT_PRIVATE, attempt)
               ? -1
               : 0;
}

static void start(struct attempt *attempt, CURLM *multi)
{
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
    attempt->easy = curl_easy_init();
    if (attempt->easy == NULL || set_lines(attempt) != 0 || set_options(attempt) != 0 ||
        set_body(attempt) != 0 || curl_multi_add_handle(multi, attempt->easy) != CURLM_OK) {
        fail(attempt, CALL_URL, "không gọi được; hãy kiểm tra địa chỉ");
        curl_easy_cleanup(attempt->easy);
        attempt->easy = NULL;
    }
}

static void finish(struct attempt *attempt, CURLM *multi)
{
    if (attempt->easy != NULL) {
        (void)curl_multi_remove_handle(multi, attempt->easy); /* it was added */
        curl_easy_cleanup(attempt->easy);
        attempt->easy = NULL;
    }
    curl_slist_free_all(attempt->lines);
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
                       curl_easy_strerror(code));
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

static void collect(CURLM *multi, size_t *under_way)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        struct attempt *attempt = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE ||
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &attempt) != CURLE_OK) {
            continue;
        }
        conclude(attempt, code);
        finish(attempt, multi);
        (*under_way)--;
    }
}

static void drop_quiet(CURLM *multi, struct attempt *attempts, size_t begun, size_t *under_way)
{
    int64_t now_ms = clock_mono_ms();

    for (size_t i = 0; i < begun; i++) {
        struct attempt *attempt = &attempts[i];
        if (attempt->easy != NULL && attempt->call->quiet_ms > 0 &&
            now_ms - attempt->heard_ms > attempt->call->quiet_ms) {
            note_head(attempt);
            fail(attempt, CALL_LATE, "ngừng gửi; hãy kiểm tra máy đó và đường truyền");
            finish(attempt, multi);
            (*under_way)--;
        }
    }
}

static void abandon_all(CURLM *multi, struct attempt *attempts, size_t count, size_t begun)
{
    for (size_t i = 0; i < count; i++) {
        if (i < begun && attempts[i].easy == NULL) {
            continue;
        }
        if (attempts[i].address[0] == '\0') {
            (void)name_address(&attempts[i]); /* only for the words */
        }
        fail(&attempts[i], CALL_ABANDONED, "hệ thống đang dừng");
        finish(&attempts[i], multi);
    }
}

static void run(CURLM *multi, struct attempt *attempts, size_t count, const atomic_bool *abandon)
{
    size_t begun = 0, under_way = 0;
    int running;

    while (begun < count || under_way > 0) {
        while (begun < count && under_way < LIMIT_CALLS && !atomic_load(abandon)) {
            start(&attempts[begun], multi);
            under_way += attempts[begun].easy != NULL;
            begun++;
        }
        if (atomic_load(abandon) || curl_multi_perform(multi, &running) != CURLM_OK) {
            abandon_all(multi, attempts, count, begun);
            return;
        }
        collect(multi, &under_way);
        drop_quiet(multi, attempts, begun, &under_way);
        if (under_way > 0 && curl_multi_poll(multi, NULL, 0, CALL_SLICE_MS, NULL) != CURLM_OK) {
            abandon_all(multi, attempts, count, begun);
            return;
        }
    }
}

void call_all(struct call *calls, size_t count, const atomic_bool *abandon)
{
    struct attempt *attempts = bytes_allocate(count, sizeof *attempts);
    CURLM *multi = curl_multi_init();

    for (size_t i = 0; i < count; i++) {
        attempts[i].call = &calls[i];
    }
    if (multi == NULL) {
        abort(); /* out of memory */
    }
    run(multi, attempts, count, abandon);
    for (size_t i = 0; i < count; i++) {
        finish(&attempts[i], multi); /* the lines of those that never began */
    }
    (void)curl_multi_cleanup(multi); /* every handle has been removed */
    free(attempts);
}

void call_free(struct call *call)
{
    buffer_free(&call->answer);
}
