#include "bus/zap.h"

#include "bus/inproc.h"
#include "proto/bytes.h"
#include "proto/clock.h"
#include "proto/log.h"

#include <sys/prctl.h>
#include <zmq.h>

#define ENDPOINT "inproc://zeromq.zap.01"
#define KEYS_ENDPOINT "inproc://zap-keys"
#define KEY_BYTES 32
#define ANSWER_MS 1000  /* the handler answers at once, or something is very wrong */
#define QUIET_MS 10000  /* one log line per address within this */
#define ADDRESSES 32    /* remembered; the oldest is forgotten */
#define FRAMES 8        /* of a request that we look at; CURVE has 7 */
#define FRAME_BYTES 256 /* longest frame of ours */

struct refused {
    char address[64];
    int64_t logged_ms; /* monotonic */
    uint64_t unlogged; /* refusals since that line */
};

/* Whom the listeners of a domain let in. */
struct door {
    const char *domain;
    bool has_key;
    uint8_t key[KEY_BYTES];
};

enum door_of {
    MESH,
    BUS,
    DOORS
};

struct zap {
    zsock_t *pipe, *rep, *keys;
    struct door doors[DOORS];
    struct refused refused[ADDRESSES];
    size_t next_refused; /* place of the next new address */
};

/* A request or command, cut to what we understand; `count` is of all frames. */
struct frames {
    size_t count;
    size_t len[FRAMES];
    char data[FRAMES][FRAME_BYTES];
};

/* Takes a whole multipart message without waiting. False when there was none. A frame that is too
 * long counts as empty: no such frame is one of ours. */
static bool take(void *socket, struct frames *frames)
{
    memset(frames, 0, sizeof *frames);
    for (bool more = true; more; frames->count++) {
        zmq_msg_t frame;
        (void)zmq_msg_init(&frame); /* cannot fail */
        if (zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&frame); /* valid message: cannot fail */
            return false;
        }
        size_t len = zmq_msg_size(&frame);
        if (frames->count < FRAMES && len < FRAME_BYTES) {
            memcpy(frames->data[frames->count], zmq_msg_data(&frame), len);
            frames->len[frames->count] = len;
        }
        more = zmq_msg_more(&frame);
        (void)zmq_msg_close(&frame); /* as above */
    }
    return true;
}

static bool frame_is(const struct frames *frames, size_t index, const char *text)
{
    return index < frames->count && frames->len[index] == strlen(text) &&
           memcmp(frames->data[index], text, strlen(text)) == 0;
}

static struct refused *require(struct zap *zap, const char *address)
{
    for (size_t i = 0; i < ADDRESSES; i++) {
        if (strcmp(zap->refused[i].address, address) == 0) {
            return &zap->refused[i];
        }
    }
    struct refused *refused = &zap->refused[zap->next_refused];
    zap->next_refused = (zap->next_refused + 1) % ADDRESSES;
    *refused = (struct refused){.logged_ms = INT64_MIN / 2};
    /* An address that was cut still names who it was. */
    (void)slice_copy(slice_text(address), refused->address, sizeof refused->address);
    return refused;
}

static void log_refused(struct zap *zap, const struct frames *request)
{
    const char *address = request->data[3];
    bool is_bus = frame_is(request, 2, ZAP_DOMAIN_BUS);
    struct refused *refused = require(zap, address);
    int64_t now_ms = clock_mono_ms();
    char quoted[160];

    if (now_ms - refused->logged_ms < QUIET_MS) {
        refused->unlogged++;
        return;
    }
    log_warn(is_bus ? "BUS_REFUSED" : "MESH_REFUSED",
             "address=%s reason=\"another %s\" more=%" PRIu64,
             log_quote(refused->address, quoted, sizeof quoted),
             is_bus ? "bus.secret" : "mesh_secret", refused->unlogged);
    refused->logged_ms = now_ms;
    refused->unlogged = 0;
}

/* The door whose key the client showed, or NULL. */
static const struct door *admit(const struct zap *zap, const struct frames *request)
{
    for (size_t i = 0; i < DOORS; i++) {
        const struct door *door = &zap->doors[i];
        if (frame_is(request, 2, door->domain)) {
            bool is_known = door->has_key && request->count == 7 && frame_is(request, 0, "1.0") &&
                            frame_is(request, 5, "CURVE") && request->len[6] == KEY_BYTES &&
                            memcmp(request->data[6], door->key, KEY_BYTES) == 0;
            return is_known ? door : NULL;
        }
    }
    return NULL;
}

/* request: version, request id, domain, address, identity, mechanism, credentials
 * answer:  version, request id, status, text, user id, metadata */
static void answer(struct zap *zap, const struct frames *request)
{
    char user[41] = "";
    const struct door *door = admit(zap, request);

    if (door != NULL) {
        (void)zmq_z85_encode(user, door->key, KEY_BYTES); /* 32 is a multiple of 4: cannot fail */
    } else {
        log_refused(zap, request);
    }
    const char *status = door != NULL ? "200" : "400";
    const char *text = door != NULL ? "OK" : "Unknown key";
    const struct {
        const void *data;
        size_t len;
    } frames[] = {{"1.0", 3},           {request->data[1], request->len[1]},
                  {status, 3},          {text, strlen(text)},
                  {user, strlen(user)}, {"", 0}};
    size_t count = sizeof frames / sizeof frames[0];
    for (size_t i = 0; i < count; i++) {
        int flags = ZMQ_DONTWAIT | (i + 1 < count ? ZMQ_SNDMORE : 0);
        if (zmq_send(zsock_resolve(zap->rep), frames[i].data, frames[i].len, flags) < 0) {
            log_warn("MESH_REFUSED", "reason=\"ZAP answer not sent: %s\"", zmq_strerror(errno));
            return; /* libzmq keeps the client waiting, then drops it: nobody is let in */
        }
    }
}

/* Takes a key for a door from a socket, and answers. */
static void take_key(struct zap *zap, zsock_t *from, const struct frames *frames, enum door_of of)
{
    bool is_key = frame_is(frames, 0, "KEY") && frames->len[1] == KEY_BYTES;

    if (is_key) {
        memcpy(zap->doors[of].key, frames->data[1], KEY_BYTES);
        zap->doors[of].has_key = true;
    }
    /* One answer a command, and its asker waits for it: there is room. */
    (void)zstr_send(from, is_key && zap->rep ? "OK" : "ERROR");
}

/* False: end. */
static bool command(struct zap *zap)
{
    struct frames frames;

    if (!take(zsock_resolve(zap->pipe), &frames)) {
        return true;
    }
    if (frame_is(&frames, 0, "$TERM")) {
        return false;
    }
    take_key(zap, zap->pipe, &frames, MESH);
    return true;
}

static void serve(struct zap *zap)
{
    struct frames request;

    for (bool go_on = true; go_on;) {
        zmq_pollitem_t items[] = {{zsock_resolve(zap->pipe), 0, ZMQ_POLLIN, 0},
                                  {zap->rep ? zsock_resolve(zap->rep) : NULL, 0, ZMQ_POLLIN, 0},
                                  {zap->rep ? zsock_resolve(zap->keys) : NULL, 0, ZMQ_POLLIN, 0}};
        if (zmq_poll(items, zap->rep ? 3 : 1, -1) < 0) {
            go_on = errno == EINTR; /* a signal is no reason to leave the door alone */
            continue;
        }
        if (items[0].revents & ZMQ_POLLIN) {
            go_on = command(zap);
        }
        if (zap->rep && take(zsock_resolve(zap->keys), &request)) {
            take_key(zap, zap->keys, &request, BUS);
        }
        if (zap->rep && take(zsock_resolve(zap->rep), &request)) {
            answer(zap, &request);
        }
    }
}

void zap_actor(zsock_t *pipe, void *args)
{
    struct zap zap = {
        .pipe = pipe,
        .doors = {[MESH] = {.domain = ZAP_DOMAIN}, [BUS] = {.domain = ZAP_DOMAIN_BUS}}};

    (void)args; /* unused, see the header */
    (void)prctl(PR_SET_NAME, "zap");
    zap.rep = zsock_new(ZMQ_REP);
    zap.keys = zsock_new(ZMQ_REP);
    if (zap.rep &&
        (!zap.keys || inproc_bind(zap.rep, ENDPOINT) || inproc_bind(zap.keys, KEYS_ENDPOINT))) {
        inproc_close(&zap.rep);
    }
    zsock_set_sndtimeo(pipe, ANSWER_MS);
    (void)zsock_signal(pipe, 0); /* zactor_new waits for it: there is room */
    serve(&zap);
    inproc_close(&zap.rep);
    inproc_close(&zap.keys);
}

/* Hands a key over and waits for the answer. */
static int give_key(void *socket, const uint8_t public_key[32])
{
    char reply[8] = "";
    zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN, 0};
    int64_t end_ms = clock_mono_ms() + ANSWER_MS;
    int ready = 0;

    if (zmq_send(socket, "KEY", 3, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0 ||
        zmq_send(socket, public_key, KEY_BYTES, ZMQ_DONTWAIT) < 0) {
        return -1;
    }
    do {
        int64_t left_ms = end_ms - clock_mono_ms();
        ready = zmq_poll(&item, 1, left_ms > 0 ? (long)left_ms : 0);
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0 || zmq_recv(socket, reply, sizeof reply - 1, ZMQ_DONTWAIT) < 0) {
        return -1;
    }
    return strcmp(reply, "OK") == 0 ? 0 : -1;
}

int zap_admit(zactor_t *zap, const uint8_t public_key[32])
{
    return give_key(zsock_resolve(zap), public_key);
}

int zap_admit_bus(const uint8_t public_key[32])
{
    zsock_t *socket = zsock_new(ZMQ_REQ);
    int result = -1;

    if (socket != NULL) {
        zsock_set_linger(socket, 0);
        if (zmq_connect(zsock_resolve(socket), KEYS_ENDPOINT) == 0) {
            result = give_key(zsock_resolve(socket), public_key);
        }
    }
    zsock_destroy(&socket);
    return result;
}
