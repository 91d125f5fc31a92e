#include "bus/loop.h"

#include "proto/bytes.h"
#include "proto/clock.h"

#include <zmq.h>

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>

#define ROOM_FIRST 16 /* places; doubled when they are taken */
#define REVIEW_MS 1000

struct place {
    zsock_t *socket;  /* NULL = a plain descriptor */
    loop_fn *handler; /* NULL = unwatched; the place goes at the next turn */
    void *argument;
    bool unsure; /* a socket that may have what its descriptor does not tell of */
    bool served; /* in this turn */
};

struct loop {
    struct place *places;
    struct pollfd *polls; /* the same indexes; a negative descriptor is passed over */
    size_t count, room;
    int64_t review_ms; /* monotonic: then all sockets are asked */
};

struct loop *loop_new(void)
{
    return bytes_allocate(1, sizeof(struct loop));
}

void loop_destroy(struct loop **loop)
{
    if (*loop) {
        free((*loop)->places);
        free((*loop)->polls);
        free(*loop);
        *loop = NULL;
    }
}

/* ---- what is watched ---- */

/* New places come behind the others and unwatched ones stay until the next turn, so that handlers
 * can do either while a turn counts through them. */
static void add(struct loop *loop, struct place place, int fd)
{
    if (loop->count == loop->room) {
        loop->room = loop->room ? 2 * loop->room : ROOM_FIRST;
        loop->places = bytes_resize(loop->places, loop->room * sizeof *loop->places);
        loop->polls = bytes_resize(loop->polls, loop->room * sizeof *loop->polls);
    }
    place.unsure = place.socket != NULL;
    loop->places[loop->count] = place;
    loop->polls[loop->count] = (struct pollfd){.fd = fd, .events = POLLIN};
    loop->count++;
}

int loop_watch(struct loop *loop, zsock_t *socket, loop_fn *handler, void *argument)
{
    int fd;
    size_t size = sizeof fd;

    if (zmq_getsockopt(zsock_resolve(socket), ZMQ_FD, &fd, &size)) {
        return -1;
    }
    add(loop, (struct place){.socket = socket, .handler = handler, .argument = argument}, fd);
    return 0;
}

void loop_watch_fd(struct loop *loop, int fd, loop_fn *handler, void *argument)
{
    add(loop, (struct place){.handler = handler, .argument = argument}, fd);
}

static void unwatch(struct loop *loop, size_t i)
{
    loop->places[i].handler = NULL;
    loop->places[i].socket = NULL;
    loop->places[i].unsure = false;
    loop->polls[i].fd = -1;
}

void loop_unwatch(struct loop *loop, const zsock_t *socket)
{
    for (size_t i = 0; i < loop->count; i++) {
        if (socket && loop->places[i].socket == socket) {
            unwatch(loop, i);
        }
    }
}

void loop_used(struct loop *loop, const zsock_t *socket)
{
    for (size_t i = 0; i < loop->count; i++) {
        if (socket && loop->places[i].socket == socket) {
            loop->places[i].unsure = true;
        }
    }
}

/* Now and then nobody is believed: a use that was not told costs a second then, not for ever. */
static void review(struct loop *loop)
{
    int64_t now_ms = clock_mono_ms();

    for (size_t i = 0; i < loop->count && now_ms >= loop->review_ms; i++) {
        loop->places[i].unsure = loop->places[i].socket != NULL;
    }
    if (now_ms >= loop->review_ms) {
        loop->review_ms = now_ms + REVIEW_MS;
    }
}

static void close_gaps(struct loop *loop)
{
    size_t kept = 0;

    for (size_t i = 0; i < loop->count; i++) {
        if (loop->places[i].handler) {
            loop->places[kept] = loop->places[i];
            loop->polls[kept] = loop->polls[i];
            loop->places[kept].served = false;
            kept++;
        }
    }
    loop->count = kept;
}

/* ---- a turn ---- */

/* One system call at least. It also takes in what woke us, so that the descriptor falls silent. */
static bool has_message(const struct place *place)
{
    int events = 0;
    size_t size = sizeof events;

    while (zmq_getsockopt(zsock_resolve(place->socket), ZMQ_EVENTS, &events, &size)) {
        assert(errno == EINTR); /* else somebody closed a socket that is watched */
    }
    return events & ZMQ_POLLIN;
}

static int serve(struct loop *loop, size_t i)
{
    const struct place place = loop->places[i]; /* they may move meanwhile */

    loop->places[i].served = true;
    loop->places[i].unsure = place.socket != NULL; /* it may leave something, and send */
    return place.handler(place.socket, place.argument);
}

/* Asks each socket of which we are unsure what it has. */
static int serve_unsure(struct loop *loop)
{
    for (size_t i = 0; i < loop->count; i++) {
        struct place *place = &loop->places[i];
        if (!place->unsure) {
            continue;
        }
        place->unsure = has_message(place);
        if (place->unsure && serve(loop, i)) {
            return -1;
        }
    }
    return 0;
}

static bool is_unsure(const struct loop *loop)
{
    for (size_t i = 0; i < loop->count; i++) {
        if (loop->places[i].unsure) {
            return true;
        }
    }
    return false;
}

static int serve_fd(struct loop *loop, size_t i)
{
    bool gone = loop->polls[i].revents & ~POLLIN;
    int failed = serve(loop, i);

    if (gone) {
        unwatch(loop, i);
    }
    return failed;
}

static int serve_woken(struct loop *loop)
{
    for (size_t i = 0; i < loop->count; i++) {
        const struct place *place = &loop->places[i];
        int failed = 0;
        if (!loop->polls[i].revents || !place->handler || place->served) {
            continue;
        }
        if (!place->socket) {
            failed = serve_fd(loop, i);
        } else if (has_message(place)) {
            failed = serve(loop, i);
        }
        if (failed) {
            return -1;
        }
    }
    return 0;
}

static int wait_ms(int64_t due_ms)
{
    int64_t now_ms = clock_mono_ms();

    if (due_ms <= now_ms) {
        return 0;
    }
    return due_ms - now_ms > INT_MAX ? INT_MAX : (int)(due_ms - now_ms);
}

int loop_turn(struct loop *loop, int64_t due_ms)
{
    close_gaps(loop);
    review(loop);
    if (serve_unsure(loop)) {
        return -1;
    }
    /* After a signal, or without memory in the kernel: nothing is known, and the next turn looks
     * again. */
    if (poll(loop->polls, (nfds_t)loop->count, is_unsure(loop) ? 0 : wait_ms(due_ms)) <= 0) {
        return 0;
    }
    return serve_woken(loop);
}
