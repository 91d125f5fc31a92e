/*
 * Centrals that we go to: a thread for each, which asks who is there (link "auto"), connects, says
 * our name and then waits for both directions in one poll.
 */
#include "api/peer_links_internal.h"

#include "api/call.h"
#include "api/envelope.h"
#include "api/ws_dial.h"
#include "api/ws_frame.h"
#include "proto/clock.h"
#include "proto/command.h"
#include "proto/log.h"
#include "proto/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_PAUSE_MS 500
#define MESH_FIRST_MS 1000   /* for the mesh to come up before anybody is asked who he is */
#define LONG_ENOUGH_MS 10000 /* a link that lasted so long was none that fails at once */
#define READ_BYTES 65536
#define STACK ((size_t)512 * 1024)
#define PATH "/ws/p2p"

struct peer_dial {
    struct peer_links *links;
    struct peer *peer;
    pthread_t thread;
    atomic_bool stop, ended;
    int wake; /* an eventfd */

    /* the mutex of the table */
    struct buffer out;
    size_t written;
    bool is_refused; /* somebody found no room */
    bool is_closing; /* the close frame is behind what is queued */

    /* the thread's */
    struct ws_dial *connection;
    int fd; /* its socket */
    struct buffer in, message;
    bool is_message; /* its first part came */
    struct desk_asker *node;
    struct buffer question;
    struct peer_socket socket;
};

/* ---- what others ask of it (the mutex is held) ----------------------------------------------- */

static void wake(const struct peer_dial *dial)
{
    const uint64_t one = 1;

    (void)!write(dial->wake, &one, sizeof one); /* fails only when it is awake already */
}

static void queue(struct peer_dial *dial, enum ws_opcode opcode, struct slice payload)
{
    uint8_t mask[4] = {0};

    (void)!getrandom(mask, sizeof mask, 0); /* of four bytes it never gives fewer */
    if (dial->written > READ_BYTES) {
        memmove(dial->out.data, dial->out.data + dial->written, dial->out.len - dial->written);
        dial->out.len -= dial->written;
        dial->written = 0;
    }
    ws_frame_put(&dial->out, opcode, payload, mask);
    wake(dial);
}

bool peer_dial_offer(struct peer_dial *dial, struct slice text)
{
    if (dial->out.len - dial->written + text.len > LIMIT_WS_QUEUE_BYTES / 2 || dial->is_closing) {
        dial->is_refused = true;
        return false;
    }
    queue(dial, WS_TEXT, text);
    return true;
}

void peer_dial_ping(struct peer_dial *dial, struct slice payload)
{
    queue(dial, WS_PING, payload);
}

void peer_dial_close(struct peer_dial *dial, enum push_code code)
{
    const char payload[2] = {(char)((unsigned)code >> 8), (char)((unsigned)code & 0xff)};

    queue(dial, WS_CLOSE, (struct slice){payload, sizeof payload});
    dial->is_closing = true;
}

void peer_dial_stop(struct peer_dial *dial)
{
    atomic_store(&dial->stop, true);
    wake(dial);
}

bool peer_dial_has_ended(const struct peer_dial *dial)
{
    return atomic_load(&dial->ended);
}

/* ---- helpers of the thread ------------------------------------------------------------------- */

static void complain(struct peer_dial *dial, const char *why)
{
    char quoted[300];
    bool is_new;

    (void)pthread_mutex_lock(&dial->links->mutex);
    is_new = strcmp(dial->peer->last_error, why) != 0 && peer_links_may_log(dial->peer);
    peer_links_say(dial->peer, "%s", why);
    (void)pthread_mutex_unlock(&dial->links->mutex);
    if (is_new) { /* once, however often it is tried */
        log_info("PEER_DIAL_FAILED", "peer=%s address=%s:%u problem=%s", dial->peer->id.text,
                 dial->peer->entry.ip, dial->peer->entry.api_port,
                 log_quote(why, quoted, sizeof quoted));
    }
}

/* Until something comes on `fd` (-1 = nothing is waited for), somebody wakes us, or the time is
 * over. The events on fd. */
static short wait_for(const struct peer_dial *dial, int fd, short events, int timeout_ms)
{
    struct pollfd both[2] = {{.fd = dial->wake, .events = POLLIN}, {.fd = fd, .events = events}};
    uint64_t count;

    if (poll(both, 2, timeout_ms) < 0) {
        return 0; /* EINTR: looked at again */
    }
    if ((both[0].revents & POLLIN) != 0) {
        (void)!read(dial->wake, &count, sizeof count); /* resets it */
    }
    return both[1].revents;
}

/* ---- who is there ---------------------------------------------------------------------------- */

static enum peer_probe read_info(const struct call *call)
{
    struct problem problem;
    enum peer_probe found = PEER_PROBE_SILENT;
    struct slice software;
    json_t *answer, *info;

    if (call->outcome != CALL_ANSWERED) {
        return PEER_PROBE_SILENT;
    }
    answer = json_read_object(buffer_slice(&call->answer), &problem);
    info = json_object_get(answer, "info");
    software = json_member_text(info, "software");
    if (software.len >= 8 && memcmp(software.data, "parkmesh", 8) == 0) {
        found = PEER_PROBE_PARKMESH;
    } else if (call->status == 200 && json_is_object(info)) {
        found = PEER_PROBE_FOREIGN;
    }
    json_decref(answer);
    return found;
}

static enum peer_probe probe(struct peer_dial *dial)
{
    char url[128];
    struct call call = {.url = url};
    enum peer_probe result;

    (void)snprintf(url, sizeof url, "http://%s:%u/api/p2p/info", dial->peer->entry.ip,
                   dial->peer->entry.api_port); /* fits: an ip has 63 bytes at most */
    call_all(&call, 1, &dial->stop);
    result = read_info(&call);
    call_free(&call);
    return result;
}

/* Whether to dial now; asks who is there first, when that decides. */
static bool is_wanted(struct peer_dial *dial)
{
    struct peer_links *links = dial->links;
    struct peer_choice choice;
    enum peer_probe found;

    (void)pthread_mutex_lock(&links->mutex);
    choice = peer_links_choice(links, dial->peer);
    if (peer_links_best(dial->peer) != NULL) {
        choice = (struct peer_choice){.dial = false}; /* it came to us */
    }
    (void)pthread_mutex_unlock(&links->mutex);
    if (!choice.probe) {
        return choice.dial;
    }
    found = probe(dial);
    (void)pthread_mutex_lock(&links->mutex);
    dial->peer->probe = found;
    choice = peer_links_choice(links, dial->peer);
    (void)pthread_mutex_unlock(&links->mutex);
    return choice.dial;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* Sends what is queued, as much as goes. False when the other side is gone. */
static bool flush(struct peer_dial *dial)
{
    bool alive = true;

    (void)pthread_mutex_lock(&dial->links->mutex);
    while (alive && dial->written < dial->out.len) {
        ssize_t sent = send(dial->fd, dial->out.data + dial->written, dial->out.len - dial->written,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            alive = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
            break;
        }
        dial->written += (size_t)sent;
    }
    if (dial->written == dial->out.len) {
        buffer_clear(&dial->out);
        dial->written = 0;
        if (dial->is_refused) {
            dial->is_refused = false;
            peer_links_wake(dial->links);
        }
    }
    (void)pthread_mutex_unlock(&dial->links->mutex);
    return alive;
}

/* What has come, into `in`. 1, 0 when nothing is there, -1 at the end. */
static int receive(struct peer_dial *dial)
{
    char part[READ_BYTES / 2];
    ssize_t got = recv(dial->fd, part, sizeof part, MSG_DONTWAIT);

    if (got > 0) {
        return buffer_append(&dial->in, part, (size_t)got) == 0 ? 1 : -1;
    }
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? 0 : -1;
}

static void drop(struct buffer *buffer, size_t size)
{
    if (size > 0) {
        memmove(buffer->data, buffer->data + size, buffer->len - size);
        buffer->len -= size;
    }
}

/* ---- a link that is up ----------------------------------------------------------------------- */

static void end_with(struct peer_dial *dial, int code)
{
    (void)pthread_mutex_lock(&dial->links->mutex);
    peer_socket_close(&dial->socket, (enum push_code)code);
    (void)pthread_mutex_unlock(&dial->links->mutex);
}

/* A part of a message; 0 or the code to close with. */
static int take_part(struct peer_dial *dial, const struct ws_frame *frame)
{
    struct slice text;
    int code = 0;

    if (frame->opcode == WS_BINARY) {
        return PUSH_UNSUPPORTED;
    }
    if ((frame->opcode == WS_CONTINUATION) != dial->is_message) {
        return PUSH_PROTOCOL;
    }
    dial->is_message = !frame->is_last;
    if (buffer_append(&dial->message, frame->payload.data, frame->payload.len) != 0) {
        return PUSH_TOO_BIG;
    }
    if (frame->is_last) {
        text = buffer_slice(&dial->message);
        code = wire_is_utf8(text)
                   ? peer_frame_take(dial->links, &dial->socket, dial->node, &dial->question, text)
                   : PUSH_NOT_TEXT;
        buffer_clear(&dial->message);
    }
    return code;
}

/* False when the other side said goodbye. */
static bool take_frame(struct peer_dial *dial, const struct ws_frame *frame)
{
    int code;

    switch (frame->opcode) {
    case WS_CLOSE:
        end_with(dial, PUSH_NORMAL);
        return false;
    case WS_PING:
        (void)pthread_mutex_lock(&dial->links->mutex);
        if (dial->out.len - dial->written < LIMIT_WS_QUEUE_BYTES / 2) { /* else it is not read */
            queue(dial, WS_PONG, frame->payload);
        }
        (void)pthread_mutex_unlock(&dial->links->mutex);
        return true;
    case WS_PONG:
        peer_socket_pong(dial->links, &dial->socket, frame->payload);
        return true;
    case WS_CONTINUATION:
    case WS_TEXT:
    case WS_BINARY:
        break;
    }
    code = take_part(dial, frame);
    if (code != 0) {
        end_with(dial, code);
    }
    return code == 0;
}

/* All whole frames that have come. False when that was the last. */
static bool take_frames(struct peer_dial *dial)
{
    size_t used = 0;
    bool goes_on = true;

    while (goes_on && !atomic_load(&dial->stop)) {
        struct ws_frame frame;
        struct slice rest = {dial->in.data + used, dial->in.len - used};
        enum ws_reading reading =
            rest.len > 0 ? ws_frame_read(rest, LIMIT_PEER_FRAME, &frame) : WS_MORE;
        if (reading == WS_MORE) {
            break;
        }
        if (reading != WS_FRAME) {
            end_with(dial, reading == WS_TOO_LARGE ? PUSH_TOO_BIG : PUSH_PROTOCOL);
            return false;
        }
        goes_on = take_frame(dial, &frame) && flush(dial);
        used += frame.size;
    }
    drop(&dial->in, used);
    return goes_on;
}

static bool has_output(struct peer_dial *dial, bool *is_closing)
{
    bool has;

    (void)pthread_mutex_lock(&dial->links->mutex);
    has = dial->written < dial->out.len;
    *is_closing = dial->is_closing;
    (void)pthread_mutex_unlock(&dial->links->mutex);
    return has;
}

static void converse(struct peer_dial *dial)
{
    bool goes_on = true, is_closing = false, has = false;

    while (goes_on && !atomic_load(&dial->stop)) {
        goes_on = take_frames(dial) && flush(dial);
        has = has_output(dial, &is_closing);
        if (!goes_on || is_closing) {
            break;
        }
        (void)wait_for(dial, dial->fd, has ? POLLIN | POLLOUT : POLLIN, LIMIT_PEER_PING_MS);
        goes_on = receive(dial) >= 0;
    }
    if (atomic_load(&dial->stop)) {
        end_with(dial, PUSH_GOING_AWAY);
    }
    (void)flush(dial); /* the close frame, if it goes */
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void reset(struct peer_dial *dial)
{
    (void)pthread_mutex_lock(&dial->links->mutex);
    buffer_clear(&dial->out);
    dial->written = 0;
    dial->is_refused = dial->is_closing = false;
    (void)pthread_mutex_unlock(&dial->links->mutex);
    buffer_clear(&dial->in);
    buffer_clear(&dial->message);
    dial->is_message = false;
    memset(&dial->socket, 0, sizeof dial->socket);
    dial->socket.dial = dial;
    (void)snprintf(dial->socket.address, sizeof dial->socket.address, "%s", dial->peer->entry.ip);
}

/* Our name, and into the table. */
static const char *introduce(struct peer_dial *dial)
{
    struct buffer name = {0};
    const char *why = "it is not wanted any more";

    envelope_put_identity(&name, dial->links->gateway->node.text);
    (void)pthread_mutex_lock(&dial->links->mutex);
    queue(dial, WS_TEXT, buffer_slice(&name));
    if (!dial->peer->is_gone) {
        why = peer_links_join(dial->links, dial->peer->id.text, &dial->socket);
    }
    (void)pthread_mutex_unlock(&dial->links->mutex);
    buffer_free(&name);
    return why;
}

/* From connecting to the end of it. */
static void link_once(struct peer_dial *dial)
{
    const struct ws_dial_to to = {.ip = dial->peer->entry.ip,
                                  .port = dial->peer->entry.api_port,
                                  .path = PATH,
                                  .abandon = &dial->stop};
    char error[160];
    const char *why;

    reset(dial);
    dial->connection = ws_dial_open(&to, &dial->in, error, sizeof error);
    if (dial->connection == NULL) {
        complain(dial, error);
        return;
    }
    dial->fd = ws_dial_socket(dial->connection);
    why = introduce(dial);
    if (why != NULL) {
        complain(dial, why);
    } else {
        converse(dial);
        peer_links_leave(dial->links, &dial->socket);
    }
    ws_dial_close(&dial->connection);
}

/* Half of it to all of it, so that many centrals do not come at the same time. */
static int some_of(int64_t pause_ms)
{
    uint32_t chance = 0;

    (void)!getrandom(&chance, sizeof chance, 0); /* any number will do */
    return (int)(pause_ms / 2 + chance % (pause_ms / 2 + 1));
}

static void rest(const struct peer_dial *dial, int64_t ms)
{
    int64_t until_ms = clock_mono_ms() + ms;

    while (!atomic_load(&dial->stop) && clock_mono_ms() < until_ms) {
        (void)wait_for(dial, -1, 0, (int)(until_ms - clock_mono_ms()));
    }
}

static void *run(void *argument)
{
    struct peer_dial *dial = argument;
    int64_t pause_ms = FIRST_PAUSE_MS;

    if (dial->peer->entry.link == API_LINK_AUTO) {
        rest(dial, MESH_FIRST_MS);
    }
    while (!atomic_load(&dial->stop)) {
        int64_t began_ms = clock_mono_ms();
        bool dials = is_wanted(dial);
        if (dials && !atomic_load(&dial->stop)) {
            link_once(dial);
        }
        pause_ms = dials && clock_mono_ms() - began_ms > LONG_ENOUGH_MS ? FIRST_PAUSE_MS : pause_ms;
        rest(dial, some_of(pause_ms));
        pause_ms = 2 * pause_ms < LIMIT_PEER_REDIAL_MS ? 2 * pause_ms : LIMIT_PEER_REDIAL_MS;
    }
    atomic_store(&dial->ended, true);
    (void)pthread_mutex_lock(&dial->links->mutex);
    peer_links_wake(dial->links);
    (void)pthread_mutex_unlock(&dial->links->mutex);
    return NULL;
}

static void dial_free(struct peer_dial *dial)
{
    desk_asker_destroy(&dial->node);
    buffer_free(&dial->out);
    buffer_free(&dial->in);
    buffer_free(&dial->message);
    buffer_free(&dial->question);
    if (dial->wake >= 0) {
        (void)close(dial->wake); /* nothing was written that could be lost */
    }
    free(dial);
}

struct peer_dial *peer_dial_new(struct peer_links *links, struct peer *peer)
{
    struct peer_dial *dial = bytes_allocate(1, sizeof *dial);
    pthread_attr_t attributes;
    int rc;

    dial->links = links;
    dial->peer = peer;
    dial->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    dial->node = desk_asker_new(links->gateway->desk, &dial->stop);
    buffer_init(&dial->out, 2 * LIMIT_WS_QUEUE_BYTES);
    buffer_init(&dial->in, LIMIT_PEER_FRAME + 2 * READ_BYTES);
    buffer_init(&dial->message, LIMIT_PEER_FRAME);
    buffer_init(&dial->question, LIMIT_COMMAND_BYTES);
    rc = dial->wake < 0 ? -1 : pthread_attr_init(&attributes);
    if (rc == 0) {
        (void)pthread_attr_setstacksize(&attributes, STACK); /* it is more than the least */
        rc = pthread_create(&dial->thread, &attributes, run, dial);
        (void)pthread_attr_destroy(&attributes); /* cannot fail on Linux */
    }
    if (rc != 0) {
        log_error("PEER_DIAL_OFF", "peer=%s problem=\"no thread\"", peer->id.text);
        dial_free(dial);
        return NULL;
    }
    return dial;
}

void peer_dial_destroy(struct peer_dial **dial)
{
    (void)pthread_join((*dial)->thread, NULL);
    dial_free(*dial);
    *dial = NULL;
}
