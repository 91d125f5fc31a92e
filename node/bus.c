#include "node/bus.h"

#include "proto/clock.h"
#include "proto/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define RELEASE_MS 1000

/* What a configuration asks for. Argon2id takes its time: the keys are derived only when the secret
 * is another one than that of `old`. */
static int make_args(const struct bus *old, const struct config *config,
                     struct publisher_args *args, struct problem *problem)
{
    *args = (struct publisher_args){.port = config->bus_port, .replay_port = config->replay_port};
    config_bus_bind(config, args->address);
    if (old->args.keys.present && strcmp(old->secret, config->bus_secret) == 0) {
        args->keys = old->args.keys;
    } else if (secret_derive_bus(config->bus_secret, &args->keys) != 0) {
        return problem_set(problem, PROBLEM_INTERNAL, NULL,
                           "out of memory while deriving the keys of the bus");
    }
    return 0;
}

/* Starts with `bus->args`. 0, or -1 with the problem; the actor runs either way. */
static int start(struct bus *bus, struct problem *problem)
{
    bus->publisher = zactor_new(publisher_actor, &bus->args);
    return publisher_listens(bus->publisher, problem);
}

/* The same on ports that the one before had: libzmq gives them up a moment after its sockets are
 * closed. */
static int start_again(struct bus *bus, struct problem *problem)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    int64_t end_ms = clock_mono_ms() + RELEASE_MS;

    zactor_destroy(&bus->publisher);
    while (start(bus, problem) != 0) {
        if (problem->code != PROBLEM_PORT_IN_USE || clock_mono_ms() > end_ms) {
            return -1;
        }
        zactor_destroy(&bus->publisher);
        (void)nanosleep(&pause, NULL); /* cut short: tried a little earlier */
    }
    return 0;
}

static void adopt(struct bus *bus, const struct config *config, const struct publisher_args *args)
{
    bus->args = *args;
    (void)snprintf(bus->secret, sizeof bus->secret, "%s", config->bus_secret);
}

/* No failure: a central without a bus is one. */
static void tell_unavailable(const struct problem *why)
{
    char text[2 * sizeof why->text], hint[2 * sizeof why->hint];

    log_warn("BUS_UNAVAILABLE", "problem=%s reason=%s hint=%s", problem_name(why->code),
             log_quote(why->text, text, sizeof text), log_quote(why->hint, hint, sizeof hint));
}

int bus_start(struct bus *bus, const struct config *config, struct problem *problem)
{
    struct publisher_args args;
    struct problem why;

    if (make_args(bus, config, &args, problem) != 0) {
        return -1;
    }
    adopt(bus, config, &args);
    if (start(bus, &why) != 0) {
        tell_unavailable(&why);
    }
    return 0;
}

int bus_follow(struct bus *bus, const struct config *config, struct problem *problem)
{
    struct publisher_args args, old = bus->args;
    struct problem again;

    if (make_args(bus, config, &args, problem) != 0) {
        return -1;
    }
    if (memcmp(&args.keys, &old.keys, sizeof args.keys) == 0 && args.port == old.port &&
        args.replay_port == old.replay_port && strcmp(args.address, old.address) == 0) {
        return 0;
    }
    bus->args = args;
    if (start_again(bus, problem) == 0) {
        adopt(bus, config, &args);
        return 0;
    }
    bus->args = old;
    if (start_again(bus, &again) != 0) { /* as it was: perhaps without a bus */
        tell_unavailable(&again);
    }
    return -1;
}

void bus_stop(struct bus *bus)
{
    zactor_destroy(&bus->publisher);
}
