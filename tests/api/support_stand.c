#include "support_stand.h"

#include "api/cameras.h"
#include "api/desk.h"
#include "proto/access.h"
#include "proto/command.h"
#include "proto/event.h"
#include "proto/report.h"
#include "storage/store.h"

#include <arpa/inet.h>
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

/* ---- the node of straw ----------------------------------------------------------------------- */

static void say(char *out, size_t size, const char *name, struct slice text)
{
    size_t used = strlen(out);

    (void)snprintf(out + used, size - used, "%s=%.*s ", name, (int)text.len,
                   text.data != NULL ? text.data : "");
}

static void say_time(char *out, size_t size, const char *name, int64_t ms)
{
    size_t used = strlen(out);

    if (ms == EVENT_NONE) {
        (void)snprintf(out + used, size - used, "%s=- ", name);
    } else {
        (void)snprintf(out + used, size - used, "%s=%" PRId64 " ", name, ms);
    }
}

static void describe(const struct command *command, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "gate=%d ", command->gate);

    if (!isnan(command->confidence)) {
        (void)snprintf(out + used, size - used, "confidence=%g ", command->confidence);
    }
    say(out, size, "plate", command->plate_text);
    say(out, size, "view", command->plate_view);
    say(out, size, "id", command->sent_id);
    say(out, size, "camera", command->camera_id);
    say(out, size, "name", command->camera_name);
    say(out, size, "type", command->camera_type);
    say(out, size, "source", command->source);
    say(out, size, "edge", command->edge_id);
    say_time(out, size, "device", command->device_ms);
    say(out, size, "location", command->location);
    say_time(out, size, "location_ms", command->location_ms);
    say_time(out, size, "entry_ms", command->entry_ms);
    say(out, size, "author", command->author);
    say(out, size, "reason", command->reason);
}

static void answer_to(const struct command *command, struct answer *answer)
{
    static const struct {
        const char *plate;
        enum problem_code code;
    } special[] = {{"30A00001", PROBLEM_ALREADY_INSIDE},
                   {"30A00002", PROBLEM_NO_OPEN_VISIT},
                   {"30A00003", PROBLEM_OK},
                   {"30A00004", PROBLEM_DISK_FULL}};

    answer_init(answer, PROBLEM_OK);
    answer->gate = command->gate;
    answer->tariff = command->tariff;
    answer->deduped = slice_equal(command->plate_text, slice_text("30A00003"));
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        if (slice_equal(command->plate_text, slice_text(special[i].plate))) {
            answer->code = special[i].code;
        }
    }
    if (command->history_id == 404) {
        answer->code = PROBLEM_VISIT_UNKNOWN;
    }
    describe(command, answer->text, sizeof answer->text);
    (void)snprintf(answer->visit, sizeof answer->visit, "c1_1_X");
    (void)slice_copy(command->plate_text, answer->plate_id, sizeof answer->plate_id);
    (void)slice_copy(command->plate_text, answer->plate_view, sizeof answer->plate_view);
    answer->history_id = 7;
    answer->entry_ms = 1795361269000;
    if (command->gate == GATE_EXIT) {
        answer->exit_ms = answer->entry_ms + 3600000;
        answer->fee = 25000;
    }
    (void)node_id_parse(slice_text("c1"), &answer->position.stream.node);
    answer->position.stream.epoch = 18446744073709551615u;
    answer->position.seq = 5;
}

static void reply_to(struct desk_slip *slip)
{
    struct slice asked = desk_question(slip);
    struct command command;
    struct access access;
    struct answer answer;

    if (command_unpack(&command, asked) == 0) {
        answer_to(&command, &answer);
    } else {
        assert(access_unpack(&access, asked) == 0); /* accounts and the audit: always well */
        answer_init(&answer, PROBLEM_OK);
    }
    assert(answer_pack(&answer, desk_paper(slip)) == 0);
    desk_answer(slip);
}

static void reply_to_all(zlist_t *waiting)
{
    for (struct desk_slip *old = zlist_pop(waiting); old != NULL; old = zlist_pop(waiting)) {
        reply_to(old);
    }
}

/* True when it was the last word. */
static bool hear_word(zsock_t *pipe, zlist_t *waiting, bool *silent)
{
    char *word = zstr_recv(pipe);
    bool stop = strcmp(word, "$TERM") == 0;

    if (!stop) {
        *silent = strcmp(word, "silent") == 0;
        if (strcmp(word, "late") == 0) {
            reply_to_all(waiting);
        }
        zsock_signal(pipe, 0);
    }
    zstr_free(&word);
    return stop;
}

static void straw_node(zsock_t *pipe, void *argument)
{
    struct desk *desk = argument;
    zmq_pollitem_t items[] = {{.socket = zsock_resolve(pipe), .events = ZMQ_POLLIN},
                              {.fd = desk_fd(desk), .events = ZMQ_POLLIN}};
    zlist_t *waiting = zlist_new();
    bool silent = false, stop = false;

    zsock_signal(pipe, 0);
    while (!stop) {
        struct desk_slip *slip;
        (void)zmq_poll(items, 2, desk_doze(desk) ? -1 : 0);
        desk_wake(desk);
        while ((slip = desk_take(desk)) != NULL) {
            if (silent) {
                (void)zlist_append(waiting, slip);
            } else {
                reply_to(slip);
            }
        }
        if ((items[0].revents & ZMQ_POLLIN) != 0) {
            stop = hear_word(pipe, waiting, &silent);
        }
    }
    reply_to_all(waiting); /* nobody waits for it any more */
    zlist_destroy(&waiting);
}

static void tell_node(struct stand *stand, const char *word)
{
    (void)zstr_send(stand->node, word);
    (void)zsock_wait(stand->node);
}

void stand_node_silence(struct stand *stand, bool silent)
{
    tell_node(stand, silent ? "silent" : "talk");
}

void stand_node_answer_late(struct stand *stand)
{
    tell_node(stand, "late");
}

/* ---- life ------------------------------------------------------------------------------------ */

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert(fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0);
    assert(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

static struct store *open_store(const struct stand *stand)
{
    struct problem problem;
    struct store_options options = {.path = stand->database, .node = stand->options.node};
    struct store *store = store_open(&options, &problem);

    assert(store != NULL);
    return store;
}

void stand_prepare(struct stand *stand)
{
    struct store *store;

    memset(stand, 0, sizeof *stand);
    (void)signal(SIGPIPE, SIG_IGN);
    zsys_handler_set(NULL);
    assert(zsys_init() != NULL && random_start() == 0);
    (void)snprintf(stand->directory, sizeof stand->directory, "/tmp/parkmesh-api-XXXXXX");
    assert(mkdtemp(stand->directory) != NULL);
    (void)snprintf(stand->database, sizeof stand->database, "%s/central.db", stand->directory);
    stand->port = free_port();
    (void)snprintf(stand->listener, sizeof stand->listener, "127.0.0.1:%d", stand->port);
    stand->options = (struct api_options){.listeners = {stand->listener},
                                          .database = stand->database,
                                          .version = "1.2.3",
                                          .cameras = cameras_new(),
                                          .http_threads = 8,
                                          .ws_clients = 3};
    assert(node_id_parse(slice_text("c1"), &stand->options.node));
    store = open_store(stand);
    store_close(&store);
    stand->options.desk = desk_new(LIMIT_BATCH_COMMANDS);
    assert(stand->options.desk != NULL);
    stand->node = zactor_new(straw_node, stand->options.desk);
    stand->facts = zsock_new(ZMQ_XPUB);
    zsock_set_sndhwm(stand->facts, 0);
    assert(stand->node != NULL && zsock_bind(stand->facts, "%s", FACTS_ENDPOINT) == 0);
}

void stand_start(struct stand *stand)
{
    struct problem problem = {.text = ""};

    stand->api = api_start(&stand->options, &problem);
    if (stand->api == NULL) {
        (void)fprintf(stderr, "api_start: %s\n", problem.text);
        abort();
    }
    for (bool listens = false; !listens;) { /* an earlier server may have left a word behind */
        zframe_t *word = zframe_recv(stand->facts);
        listens = word != NULL && zframe_size(word) > 0 && zframe_data(word)[0] == 1;
        zframe_destroy(&word);
    }
}

void stand_new(struct stand *stand)
{
    stand_prepare(stand);
    stand_start(stand);
}

void stand_free(struct stand *stand)
{
    static const char *const files[] = {"", "-wal", "-shm", ".reserve"};
    char path[128];

    api_stop(&stand->api);
    cameras_destroy(&stand->options.cameras);
    zactor_destroy(&stand->node);
    desk_destroy(&stand->options.desk);
    zsock_destroy(&stand->facts);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", stand->database, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(stand->directory);
    zsys_shutdown();
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void append(struct store *store, struct event *event)
{
    struct position position;
    struct problem problem;

    if (store_append(store, event, event->t_eff, &position, &problem) != 0) {
        (void)fprintf(stderr, "store_append: %s\n", problem.text);
        abort();
    }
}

void stand_fill(struct stand *stand, int count)
{
    struct store *store = open_store(stand);
    struct problem problem;
    struct buffer fact = {0};

    assert(store_begin(store, &problem) == 0 && store_mark(store, &problem) == 0);
    for (int i = 0; i < count; i++) {
        struct event event;
        char plate[16], visit[40];
        (void)snprintf(plate, sizeof plate, "51A%05d", i);
        (void)snprintf(visit, sizeof visit, "c1_%d_%s", i, plate);
        event_init(&event, EVENT_VEHICLE_ENTRY_PENDING);
        event.t_eff = 1795361269000 + 1000 * (int64_t)i;
        event.visit = slice_text(visit);
        event.plate_id = event.plate_view = slice_text(plate);
        event.camera_id = slice_text(i % 2 == 0 ? "3" : "cam-x");
        event.camera_name = slice_text("C\xe1\xbb\x95ng \"A\"");
        event.confidence = 0.92;
        append(store, &event);
        event_init(&event, EVENT_VEHICLE_EXIT);
        event.t_eff = 1795361269000 + 1000 * (int64_t)i + 3600000;
        event.visit = event.closes = slice_text(visit);
        event.plate_id = event.plate_view = slice_text(plate);
        event.fee = 25000;
        append(store, &event);
    }
    assert(store_fold(store, &problem) == 0 && store_release(store, &problem) == 0);
    assert(store_commit(store, &problem) == 0 && store_take_fact(store, &fact) == 0);
    buffer_free(&fact);
    store_close(&store);
}

static void change(struct stand *stand, enum event_kind kind, const char *visit, const char *plate,
                   const char *reason)
{
    struct store *store = open_store(stand);
    struct problem problem;
    struct buffer fact = {0}, before = {0};
    struct event event;

    event_init(&event, kind);
    event.t_eff = 1795365269000;
    event.visit = slice_text(visit);
    event.plate_id = event.plate_view = slice_text(plate);
    event.reason = slice_text(reason);
    event.author = slice_text("Lan");
    assert(store_begin(store, &problem) == 0 && store_mark(store, &problem) == 0);
    assert(store_visit_json(store, event.visit, &before, &problem) == 1);
    event.before = buffer_slice(&before);
    append(store, &event);
    assert(store_fold(store, &problem) == 0 && store_release(store, &problem) == 0);
    assert(store_commit(store, &problem) == 0 && store_take_fact(store, &fact) == 0);
    buffer_free(&before);
    buffer_free(&fact);
    store_close(&store);
}

void stand_edit(struct stand *stand, const char *visit, const char *plate, const char *reason)
{
    change(stand, EVENT_HISTORY_UPDATE, visit, plate, reason);
}

void stand_delete(struct stand *stand, const char *visit, const char *plate, const char *reason)
{
    change(stand, EVENT_HISTORY_DELETE, visit, plate, reason);
}

void stand_publish(struct stand *stand, const struct fact *fact)
{
    struct buffer packed = {0};

    assert(fact_pack(fact, &packed) == 0);
    assert(zmq_send(zsock_resolve(stand->facts), packed.data, packed.len, 0) >= 0);
    buffer_free(&packed);
}

/* ---- client ---------------------------------------------------------------------------------- */

int stand_connect(const struct stand *stand, int receive_buffer)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)stand->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert(fd >= 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (receive_buffer > 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    assert(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

void stand_send(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0) {
            return; /* refused early; the answer tells */
        }
        bytes += sent;
        len -= (size_t)sent;
    }
}

void stand_send_text(int fd, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    assert(len >= 0 && len < (int)sizeof text);
    stand_send(fd, text, (size_t)len);
}

int stand_read_byte(int fd)
{
    unsigned char byte;

    return recv(fd, &byte, 1, 0) == 1 ? byte : -1;
}

static bool read_exactly(int fd, struct buffer *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        int byte = stand_read_byte(fd);
        char c = (char)byte;
        if (byte < 0) {
            return false;
        }
        (void)buffer_append(out, &c, 1);
    }
    return true;
}

/* Up to and with `end`. */
static bool read_until(int fd, struct buffer *out, const char *end)
{
    size_t len = strlen(end);

    while (out->len < len || memcmp(out->data + out->len - len, end, len) != 0) {
        if (!read_exactly(fd, out, 1)) {
            return false;
        }
    }
    return true;
}

static bool read_chunks(int fd, struct buffer *body)
{
    for (;;) {
        struct buffer line = {0};
        size_t len = 0;
        bool ok = read_until(fd, &line, "\r\n");
        if (ok) {
            len = strtoul(line.data, NULL, 16);
        }
        buffer_clear(&line);
        ok = ok && read_exactly(fd, body, len) && read_exactly(fd, &line, 2);
        buffer_free(&line);
        if (!ok || len == 0) {
            return ok;
        }
    }
}

struct reply stand_receive(int fd)
{
    struct buffer head, body;
    struct reply reply = {0};
    const char *length;

    buffer_init(&head, 0);
    buffer_init(&body, 64u * 1024 * 1024);
    if (read_until(fd, &head, "\r\n\r\n")) {
        (void)buffer_append(&head, "", 1);
        length = strstr(head.data, "Content-Length: ");
        if (strstr(head.data, "Transfer-Encoding: chunked") != NULL
                ? read_chunks(fd, &body)
                : length == NULL || read_exactly(fd, &body, strtoul(length + 16, NULL, 10))) {
            reply.status = (int)strtol(head.data + 9, NULL, 10);
        }
    }
    reply.len = body.len;
    (void)buffer_append(&body, "", 1);
    reply.head = head.data;
    reply.body = body.data;
    return reply;
}

void stand_reply_free(struct reply *reply)
{
    free(reply->head);
    free(reply->body);
    *reply = (struct reply){0};
}

struct reply stand_ask(const struct stand *stand, const char *method, const char *target,
                       const char *more, const char *body)
{
    int fd = stand_connect(stand, 0);
    struct reply reply;

    stand_send_text(fd, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s", method, target, stand->port,
                    more != NULL ? more : "");
    if (body != NULL) {
        stand_send_text(fd, "Content-Length: %zu\r\n\r\n", strlen(body));
    } else {
        stand_send_text(fd, "\r\n");
    }
    if (body != NULL) {
        stand_send(fd, body, strlen(body));
    }
    reply = stand_receive(fd);
    (void)close(fd);
    return reply;
}

int stand_websocket(const struct stand *stand, const char *target, int receive_buffer)
{
    int fd = stand_connect(stand, receive_buffer);
    struct buffer head = {0};

    stand_send_text(fd,
                    "GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                    target);
    assert(read_until(fd, &head, "\r\n\r\n"));
    assert(memcmp(head.data, "HTTP/1.1 101", 12) == 0);
    buffer_free(&head);
    return fd;
}

int stand_frame(int fd, char *out, size_t size, size_t *len)
{
    int first = stand_read_byte(fd), second = stand_read_byte(fd);

    if (first < 0 || second < 0) {
        return -1;
    }
    *len = (size_t)second & 0x7f;
    if (*len >= 126) {
        int bytes = *len == 126 ? 2 : 8;
        for (*len = 0; bytes > 0; bytes--) {
            *len = *len << 8 | (size_t)stand_read_byte(fd);
        }
    }
    assert(*len < size);
    for (size_t i = 0; i < *len; i++) {
        int byte = stand_read_byte(fd);
        if (byte < 0) {
            return -1;
        }
        out[i] = (char)byte;
    }
    out[*len] = '\0';
    return first & 0x0f;
}

void stand_send_frame(int fd, int first_byte, const char *payload, size_t len)
{
    char head[14] = {(char)first_byte};
    size_t used = 2;

    if (len < 126) {
        head[1] = (char)(0x80 | len);
    } else { /* 64 bits, also where 16 would do; the mask is 0 */
        head[1] = (char)(0x80 | 127);
        for (int shift = 56; shift >= 0; shift -= 8) {
            head[used++] = (char)(len >> shift & 0xff);
        }
    }
    stand_send(fd, head, used + 4);
    stand_send(fd, payload, len);
}
