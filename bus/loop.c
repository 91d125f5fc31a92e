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

struct place {
    zsock_t *socket;  /* NULL = a plain descriptor */
    loop_fn *handler; /* NULL = unwatched; the place goes at the next turn */
    void *argument;
    bool served; /* in this turn */
};

struct loop {
    struct place *places;
    struct pollfd *polls; /* the same indexes; a negative descriptor is passed over */
    size_t count, room;
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
    return place.handler(place.socket, place.argument);
}

/* Asks every socket what it has. */
static int serve_sockets(struct loop *loop, bool *worked)
{
    for (size_t i = 0; i < loop->count; i++) {
        const struct place *place = &loop->places[i];
        if (place->socket && has_message(place)) {
            *worked = true;
            if (serve(loop, i)) {
                return -1;
            }
        }
    }
    return 0;
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
    bool worked = false;

    close_gaps(loop);
    if (serve_sockets(loop, &worked)) {
        return -1;
    }
    /* After a signal, or without memory in the kernel: nothing is known, and the next turn looks
     * again. */
    if (poll(loop->polls, (nfds_t)loop->count, worked ? 0 : wait_ms(due_ms)) <= 0) {
        return 0;
    }
    return serve_woken(loop);
}
