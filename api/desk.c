/*
 * Why no socket: docs/design.md, "Why a desk".
 *
 * Questions are pushed onto a stack by compare-and-swap; the node takes the whole of it in one
 * exchange and turns it round. It never pops one from a stack that others push to, so a slip that
 * comes back at the same address confuses nobody.
 *
 * No wake-up is lost. That the node sleeps is said in the head of the same stack, so it and the
 * pushes have one order: either a push comes first, then desk_doze finds the stack not empty and
 * the node does not sleep; or desk_doze comes first, then the first push finds `dozing`, takes its
 * place and writes to the descriptor, which stays readable until the node has read it; and the
 * node, having read it, looks at the stack, where the slip has been since before it was written.
 * When something else woke the node, such a write may come late and wake it again for nothing.
 *
 * One who asks alone gets his answer, and asks again, in less time than two wake-ups take. So
 * before they sleep both sides look for a moment whether it is there (api/linger.h): who asks,
 * while nobody else waits for the node; the node, after a question that came alone.
 *
 * A slip belongs to who asked; when he no longer waits, to the node. `state` passes it on: both
 * sides change it once at the end, by exchange, and who comes second sees what the other did.
 */
#include "api/desk.h"

#include "api/ask.h"
#include "api/linger.h"
#include "proto/clock.h"
#include "proto/limits.h"

#include <assert.h>
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KEEP_BYTES 16384 /* a slip that is kept keeps so much for its next question */

enum slip_state {
    SLIP_LAID,     /* awaited by somebody who does not sleep */
    SLIP_AWAITED,  /* somebody sleeps upon it */
    SLIP_ANSWERED, /* who asked owns it */
    SLIP_LEFT      /* nobody waits any more: the node owns it */
};

struct desk_slip {
    atomic_uint state;       /* enum slip_state; a futex */
    struct desk_slip *below; /* on the stack; in `taken` the next to be carried out */
    struct desk_slip *later; /* the asker's next question under way */
    struct buffer question, answer;
};

struct desk {
    _Atomic(struct desk_slip *) top; /* newest first; NULL = empty; `dozing` = so is the node */
    struct desk_slip dozing;         /* never used but for its address */
    struct desk_slip *taken;         /* from the stack, oldest first; the node's */
    struct linger linger;            /* of the node, which waits for a question */
    int64_t idle_us;                 /* since when it does; 0 = it does not */
    int fd;                          /* an eventfd: wakes the node */
    size_t places;
    atomic_uint asking;   /* askers that wait for an answer */
    atomic_size_t count;  /* questions laid down and not yet given to the node */
    atomic_uint awaiting; /* askers that found no place */
    atomic_uint freed;    /* changes when one of them should look again; a futex */
};

struct desk_asker {
    struct desk *desk;
    const atomic_bool *abandon;
    struct desk_slip *first, *last; /* under way, oldest first */
    struct desk_slip *spare;        /* the last that was answered: its answer is being read */
    struct linger linger;
};

/* ---- waiting --------------------------------------------------------------------------------- */

/* Until somebody wakes those at `word`, which still has to be `seen`, or it is time to look whether
 * to give up. May return early. */
static void sleep_at(atomic_uint *word, unsigned seen, int64_t wait_ms)
{
    int64_t ms = wait_ms < 0 ? 0 : wait_ms < LIMIT_ASK_LOOK_MS ? wait_ms : LIMIT_ASK_LOOK_MS;
    const long wait[2] = {0, (long)ms * 1000000}; /* s, ns as the kernel has them; monotonic */

    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, wait, NULL, 0); /* all are outcomes */
}

/* The word may be gone by now: who is woken wrongly looks again, and the kernel touches nothing. */
static void wake_one_at(atomic_uint *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0); /* cannot fail for 1 */
}

/* ---- slips ----------------------------------------------------------------------------------- */

static void free_slip(struct desk_slip *slip)
{
    if (slip != NULL) {
        buffer_free(&slip->question);
        buffer_free(&slip->answer);
        free(slip);
    }
}

static void free_slips(struct desk_slip *slip)
{
    while (slip != NULL) {
        struct desk_slip *below = slip->below;
        free_slip(slip);
        slip = below;
    }
}

/* The asker's side no longer waits for it. */
static void leave_slip(struct desk_slip *slip)
{
    if (atomic_exchange(&slip->state, SLIP_LEFT) == SLIP_ANSWERED) {
        free_slip(slip);
    }
}

/* ---- the desk -------------------------------------------------------------------------------- */

struct desk *desk_new(size_t places)
{
    struct desk *desk = bytes_allocate(1, sizeof *desk);

    desk->places = places;
    desk->linger = (struct linger){.moment_us = LIMIT_LINGER_NODE_US};
    desk->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (desk->fd < 0) {
        free(desk);
        return NULL;
    }
    return desk;
}

void desk_destroy(struct desk **desk)
{
    struct desk_slip *top;

    if (*desk == NULL) {
        return;
    }
    top = atomic_load(&(*desk)->top);
    free_slips(top != &(*desk)->dozing ? top : NULL);
    free_slips((*desk)->taken);
    (void)close((*desk)->fd); /* nothing was written that could be lost */
    free(*desk);
    *desk = NULL;
}

static bool take_place(struct desk *desk)
{
    size_t count = atomic_load(&desk->count);

    while (count < desk->places) {
        if (atomic_compare_exchange_weak(&desk->count, &count, count + 1)) {
            return true;
        }
    }
    return false;
}

/* Who waits says so before it looks again, and we make room before we look who waits: one of the
 * two sees the other. */
static void free_place(struct desk *desk)
{
    (void)atomic_fetch_sub(&desk->count, 1);
    if (atomic_load(&desk->awaiting) > 0) {
        (void)atomic_fetch_add(&desk->freed, 1);
        wake_one_at(&desk->freed);
    }
}

/* ---- who asks -------------------------------------------------------------------------------- */

struct desk_asker *desk_asker_new(struct desk *desk, const atomic_bool *abandon)
{
    struct desk_asker *asker = bytes_allocate(1, sizeof *asker);

    asker->desk = desk;
    asker->abandon = abandon;
    asker->linger = (struct linger){.moment_us = LIMIT_LINGER_ASKER_US};
    return asker;
}

static void leave_all(struct desk_asker *asker)
{
    while (asker->first != NULL) {
        struct desk_slip *slip = asker->first;
        asker->first = slip->later; /* before it is the node's */
        leave_slip(slip);
    }
    asker->last = NULL;
}

void desk_asker_destroy(struct desk_asker **asker)
{
    if (*asker == NULL) {
        return;
    }
    leave_all(*asker);
    free_slip((*asker)->spare);
    free(*asker);
    *asker = NULL;
}

/* An answer that comes from now on belongs to nobody. */
static int give_up(struct desk_asker *asker, struct problem *problem)
{
    leave_all(asker);
    return ask_lost(atomic_load(asker->abandon), problem);
}

/* 0, or -1 when the time is over or the asker is to give up. */
static int wait_for_place(struct desk_asker *asker, int wait_ms)
{
    struct desk *desk = asker->desk;
    int64_t until_ms;
    bool has_slept = false;
    int rc = 0;

    if (take_place(desk)) {
        return 0;
    }
    until_ms = clock_mono_ms() + wait_ms;
    (void)atomic_fetch_add(&desk->awaiting, 1);
    for (;;) {
        unsigned seen = atomic_load(&desk->freed);
        int64_t left_ms = until_ms - clock_mono_ms();
        if (take_place(desk)) {
            break;
        }
        if (has_slept && (atomic_load(asker->abandon) || left_ms <= 0)) {
            rc = -1;
            break;
        }
        sleep_at(&desk->freed, seen, left_ms);
        has_slept = true;
    }
    (void)atomic_fetch_sub(&desk->awaiting, 1);
    return rc;
}

static struct desk_slip *write_slip(struct desk_asker *asker, struct slice question)
{
    struct desk_slip *slip = asker->spare;
    int rc;

    asker->spare = NULL;
    if (slip == NULL) {
        slip = bytes_allocate(1, sizeof *slip);
    }
    buffer_clear(&slip->question);
    buffer_clear(&slip->answer);
    slip->later = NULL;
    atomic_store(&slip->state, SLIP_LAID);
    rc = buffer_append(&slip->question, question.data, question.len);
    assert(rc == 0); /* LIMIT_COMMAND_BYTES and more fit */
    return slip;
}

static void lay_down(struct desk *desk, struct desk_slip *slip)
{
    struct desk_slip *top = atomic_load(&desk->top);
    const uint64_t one = 1;

    do {
        slip->below = top != &desk->dozing ? top : NULL;
    } while (!atomic_compare_exchange_weak(&desk->top, &top, slip));
    if (top == &desk->dozing) {
        while (write(desk->fd, &one, sizeof one) < 0 && errno == EINTR) {
            ; /* EAGAIN alone is left: then it is readable anyway */
        }
    }
}

int desk_send(struct desk_asker *asker, struct slice question, int wait_ms, struct problem *problem)
{
    struct desk_slip *slip;

    if (wait_for_place(asker, wait_ms) != 0) {
        return give_up(asker, problem);
    }
    slip = write_slip(asker, question);
    if (asker->last != NULL) {
        asker->last->later = slip;
    } else {
        asker->first = slip;
    }
    asker->last = slip;
    lay_down(asker->desk, slip);
    return 0;
}

/* Says that somebody sleeps upon it from now on, unless it is answered. */
static bool is_answered(struct desk_slip *slip)
{
    unsigned state = SLIP_LAID;

    return !atomic_compare_exchange_strong(&slip->state, &state, SLIP_AWAITED) &&
           state == SLIP_ANSWERED;
}

static void look_on(const struct desk_asker *asker, struct desk_slip *slip, int64_t from_us)
{
    while (linger_on(&asker->linger, clock_mono_us() - from_us) &&
           atomic_load(&asker->desk->asking) == 1 && atomic_load(&slip->state) == SLIP_LAID) {
        (void)sched_yield(); /* cannot fail */
    }
}

/* 0 when it is answered, -1 when the time is over or the asker is to give up. */
static int await(struct desk_asker *asker, struct desk_slip *slip, int64_t until_ms)
{
    int64_t from_us = clock_mono_us();
    bool has_slept = false;

    look_on(asker, slip, from_us);
    while (!is_answered(slip)) {
        int64_t left_ms = until_ms - clock_mono_ms();
        if (has_slept && (atomic_load(asker->abandon) || left_ms <= 0)) {
            linger_forget(&asker->linger);
            return -1;
        }
        sleep_at(&slip->state, SLIP_AWAITED, left_ms);
        has_slept = true;
    }
    linger_learn(&asker->linger, clock_mono_us() - from_us);
    return 0;
}

static int receive(struct desk_asker *asker, int64_t until_ms, struct slice *answer,
                   struct problem *problem)
{
    struct desk_slip *slip = asker->first;
    int rc = -1;

    if (slip != NULL) {
        (void)atomic_fetch_add(&asker->desk->asking, 1);
        rc = await(asker, slip, until_ms);
        (void)atomic_fetch_sub(&asker->desk->asking, 1);
    }
    if (rc != 0) {
        return give_up(asker, problem);
    }
    asker->first = slip->later;
    asker->last = asker->first != NULL ? asker->last : NULL;
    free_slip(asker->spare);
    asker->spare = slip;
    if (slip->question.capacity > KEEP_BYTES) {
        buffer_free(&slip->question);
    }
    *answer = buffer_slice(&slip->answer);
    return 0;
}

int desk_receive(struct desk_asker *asker, int wait_ms, struct slice *answer,
                 struct problem *problem)
{
    return receive(asker, clock_mono_ms() + wait_ms, answer, problem);
}

int desk_call(struct desk_asker *asker, struct slice question, int wait_ms, struct slice *answer,
              struct problem *problem)
{
    int64_t until_ms = clock_mono_ms() + wait_ms;

    if (desk_send(asker, question, wait_ms, problem) != 0) {
        return -1;
    }
    return receive(asker, until_ms, answer, problem);
}

/* ---- the node -------------------------------------------------------------------------------- */

/* The node had nothing to do, and now has this. */
static void end_idling(struct desk *desk, const struct desk_slip *oldest)
{
    if (desk->idle_us == 0) {
        return;
    }
    if (oldest->below == NULL) {
        linger_learn(&desk->linger, clock_mono_us() - desk->idle_us);
    } else {
        linger_forget(&desk->linger); /* where many ask, each needs the core more than we do */
    }
    desk->idle_us = 0;
}

/* All that lies there, oldest first. */
static struct desk_slip *clear_desk(struct desk *desk)
{
    struct desk_slip *slip = atomic_exchange(&desk->top, NULL), *oldest = NULL;

    while (slip != NULL && slip != &desk->dozing) {
        struct desk_slip *below = slip->below;
        slip->below = oldest;
        oldest = slip;
        slip = below;
    }
    return oldest;
}

struct desk_slip *desk_take(struct desk *desk)
{
    struct desk_slip *slip;

    if (desk->taken == NULL) {
        desk->taken = clear_desk(desk);
        if (desk->taken != NULL) {
            end_idling(desk, desk->taken);
        }
    }
    slip = desk->taken;
    if (slip != NULL) {
        desk->taken = slip->below;
        free_place(desk);
    }
    return slip;
}

struct slice desk_question(const struct desk_slip *slip)
{
    return buffer_slice(&slip->question);
}

struct buffer *desk_paper(struct desk_slip *slip)
{
    return &slip->answer;
}

void desk_answer(struct desk_slip *slip)
{
    unsigned state = atomic_exchange(&slip->state, SLIP_ANSWERED);

    if (state == SLIP_LEFT) {
        free_slip(slip);
    } else if (state == SLIP_AWAITED) {
        wake_one_at(&slip->state);
    }
}

/* In one time without work there is one such moment, however often the node dozes in it. */
static void look_for_question(struct desk *desk)
{
    if (desk->idle_us == 0) {
        desk->idle_us = clock_mono_us();
    }
    while (linger_on(&desk->linger, clock_mono_us() - desk->idle_us) &&
           atomic_load(&desk->top) == NULL) {
        (void)sched_yield(); /* cannot fail */
    }
}

bool desk_doze(struct desk *desk)
{
    struct desk_slip *top = NULL;

    if (desk->taken != NULL) {
        return false;
    }
    look_for_question(desk);
    return atomic_compare_exchange_strong(&desk->top, &top, &desk->dozing) || top == &desk->dozing;
}

void desk_wake(struct desk *desk)
{
    uint64_t count;

    (void)!read(desk->fd, &count, sizeof count); /* nothing to read is as well */
}

int desk_fd(const struct desk *desk)
{
    return desk->fd;
}
