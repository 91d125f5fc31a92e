#include "node/supervisor.h"

#include "bus/inproc.h"
#include "node/ports.h"
#include "node/services.h"
#include "proto/clock.h"
#include "proto/command.h"
#include "proto/localtime.h"
#include "proto/log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define STOP_LIMIT_S 5     /* the process is gone by then, whatever hangs */
#define ANSWER_FIRST_MS 50 /* between the answer to a PUT and the rebuild of its listener */
#define SOCKETS 2048       /* one a worker that asks us or the mesh, one a peer, a few of our own */
#define FILES 8192         /* open at once; as the unit in packaging/ allows */

struct supervisor {
    const struct supervisor_options *options;
    struct config config;
    struct services services;
    zsock_t *commands;
    zloop_t *loop;
    int signal_fd;
    int exit_status;
    /* a disruptive change that waits until its asker was answered */
    struct config *next;
    struct buffer old_text; /* the file before it, put back when the change fails */
    struct problem last;    /* why the newest change was not followed; code OK = it was */
    struct buffer json, out;
};

/* What the command line said wins over the file, also after a reload. */
static void apply_options(const struct supervisor_options *options, struct config *config)
{
    if (options->data_dir != NULL) {
        (void)snprintf(config->data_dir, sizeof config->data_dir, "%s", options->data_dir);
    }
    if (options->log_format != NULL) {
        (void)snprintf(config->log_format, sizeof config->log_format, "%s", options->log_format);
    }
    log_setup(LOG_LEVEL_INFO,
              strcmp(config->log_format, "json") == 0 ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT);
}

/* Loads the file. 0, or the exit status after the errors were told. A missing one is made at a
 * start only: a central that runs would become another one. */
static int load(struct supervisor *supervisor, bool starts, struct config *config)
{
    const char *path = supervisor->options->config_path;
    struct buffer errors = {0}, warnings = {0};
    struct problem problem = {.code = PROBLEM_OK};
    int rc = starts ? config_load(config, path, &errors, &warnings, &problem)
                    : config_check(config, path, &errors, &warnings, &problem);

    if (warnings.len > 0) {
        (void)fwrite(warnings.data, 1, warnings.len, stderr);
    }
    if (rc != 0) {
        if (errors.len > 0) {
            (void)fwrite(errors.data, 1, errors.len, stderr);
        } else {
            log_problem(LOG_LEVEL_ERROR, &problem);
        }
        rc = problem_exit_status(problem.code);
    } else {
        apply_options(supervisor->options, config);
    }
    buffer_free(&errors);
    buffer_free(&warnings);
    return rc;
}

static void note_zone(const struct config *old, const struct config *new)
{
    if (strcmp(old->timezone, new->timezone) != 0) {
        log_warn("CONFIG_NEEDS_RESTART", "key=timezone hint=\"takes effect at the next start\"");
    }
}

/* Follows `new`, which is consumed on success. */
static int follow(struct supervisor *supervisor, struct config *new)
{
    struct problem problem = {.code = PROBLEM_OK};
    bool lost;

    note_zone(&supervisor->config, new);
    if (services_change(&supervisor->services, &supervisor->config, new, &lost, &problem) == 0) {
        config_free(&supervisor->config);
        supervisor->config = *new;
        memset(&supervisor->last, 0, sizeof supervisor->last);
        log_info("CONFIG_APPLIED", "id=%s peers=%zu", supervisor->config.id.text,
                 supervisor->config.peer_count);
        return 0;
    }
    supervisor->last = problem;
    log_problem(LOG_LEVEL_ERROR, &problem);
    log_warn("CONFIG_REVERTED", "hint=\"the previous configuration stays in force\"");
    if (lost) {
        supervisor->exit_status = problem_exit_status(problem.code); /* ends the loop */
    }
    return -1;
}

/* An error of the file is for `check`; with one of the machine that would say that all is well. */
static void reload(struct supervisor *supervisor)
{
    struct config new;

    config_init(&new);
    if (load(supervisor, false, &new) != 0) {
        log_warn("CONFIG_KEPT", "hint=\"run: parkmesh check %s\"",
                 supervisor->options->config_path);
        config_free(&new);
    } else if (follow(supervisor, &new) != 0) {
        log_warn("CONFIG_KEPT", "reason=%s hint=\"mend that or change %s, then send SIGHUP again\"",
                 problem_name(supervisor->last.code), supervisor->options->config_path);
        config_free(&new);
    }
}

static void restore_file(struct supervisor *supervisor)
{
    struct problem problem = {.code = PROBLEM_OK};
    if (supervisor->old_text.len > 0 &&
        config_write(supervisor->options->config_path, buffer_slice(&supervisor->old_text),
                     &problem) != 0) {
        log_problem(LOG_LEVEL_ERROR, &problem);
    }
}

/* The asker of a disruptive change has its answer: now follow it. */
static int on_answered(zloop_t *loop, int timer, void *arg)
{
    struct supervisor *supervisor = arg;
    struct config *new = supervisor->next;
    (void)loop;
    (void)timer;

    supervisor->next = NULL;
    if (follow(supervisor, new) != 0) {
        restore_file(supervisor);
        config_free(new);
        if (supervisor->services.api != NULL) {
            api_tell_peers(supervisor->services.api); /* they may have heard of the change */
        }
    }
    free(new);
    return supervisor->exit_status != 0 ? -1 : 0;
}

/* The file as it is before a change, which is laid over it and may be taken back. Laid over nothing
 * it would make another central of this one. */
static int keep_text(struct supervisor *supervisor, struct problem *problem)
{
    if (supervisor->next != NULL) { /* what was kept for it is still needed */
        return problem_set(problem, PROBLEM_BUSY, "ask again in a second",
                           "an earlier change is still being applied");
    }
    buffer_clear(&supervisor->old_text);
    return config_text(supervisor->options->config_path, &supervisor->old_text, problem);
}

/* What is followed after the answer must not be known to fail: others are told of it, too. */
static int check_ports(const struct supervisor *supervisor, const struct config *new,
                       struct problem *problem)
{
    return services_change_is_disruptive(&supervisor->config, new)
               ? ports_check(&supervisor->config, new, problem)
               : 0;
}

/* Validates, writes the file and follows the change, at once or after the answer. */
static int put_config(struct supervisor *supervisor, struct slice json, struct problem *problem)
{
    const char *path = supervisor->options->config_path;
    struct buffer merged = {0};
    struct config *new = calloc(1, sizeof *new);
    int rc = -1;

    if (new == NULL) {
        abort();
    }
    config_init(new);
    if (keep_text(supervisor, problem) == 0 &&
        config_merge(path, json, &merged, new, problem) == 0 &&
        check_ports(supervisor, new, problem) == 0 &&
        config_write(path, buffer_slice(&merged), problem) == 0) {
        apply_options(supervisor->options, new);
        rc = 0;
    }
    buffer_free(&merged);
    if (rc == 0 && services_change_is_disruptive(&supervisor->config, new)) {
        supervisor->next = new;
        (void)zloop_timer(supervisor->loop, ANSWER_FIRST_MS, 1, on_answered, supervisor);
        (void)problem_set(problem, PROBLEM_OK, NULL,
                          "Đã lưu cấu hình, các cổng đang được mở lại. Nếu không được thì cấu hình "
                          "cũ trở lại; lý do ở last_error của GET /api/p2p/config");
        return config_json(new, &supervisor->json);
    }
    if (rc == 0 && (rc = follow(supervisor, new)) != 0) {
        *problem = supervisor->last;
        restore_file(supervisor);
    }
    if (rc != 0) {
        config_free(new);
    } else {
        (void)problem_set(problem, PROBLEM_OK, NULL, "Đã lưu và áp dụng cấu hình: %zu central khác",
                          supervisor->config.peer_count);
    }
    free(new);
    return rc == 0 ? config_json(&supervisor->config, &supervisor->json) : -1;
}

/* One central more or less; the answer says which. */
static int change_peer(struct supervisor *supervisor, struct slice json, bool remove,
                       struct problem *problem)
{
    struct buffer change = {0};
    bool found = false;
    int rc = keep_text(supervisor, problem);

    if (rc == 0) {
        rc = config_change_peer(supervisor->options->config_path, json, remove, &found, &change,
                                problem);
    }
    if (rc == 0) {
        rc = put_config(supervisor, buffer_slice(&change), problem);
    }
    buffer_free(&change);
    if (rc == 0) {
        buffer_clear(&supervisor->json);
        rc = buffer_printf(&supervisor->json, "{\"action\": \"%s\"}",
                           remove  ? "removed"
                           : found ? "updated"
                                   : "added");
    }
    return rc;
}

static void answer(struct supervisor *supervisor, const struct supervisor_request *request,
                   struct supervisor_answer *reply)
{
    int rc = 0;

    buffer_clear(&supervisor->json);
    switch (request->verb) {
    case SUPERVISOR_CONFIG_GET:
        rc = config_json(&supervisor->config, &supervisor->json);
        reply->problem = supervisor->last; /* shown as the newest change's fate, not as an error */
        break;
    case SUPERVISOR_CONFIG_PUT:
        rc = put_config(supervisor, request->json, &reply->problem);
        break;
    case SUPERVISOR_PEER_PUT:
    case SUPERVISOR_PEER_REMOVE:
        rc = change_peer(supervisor, request->json, request->verb == SUPERVISOR_PEER_REMOVE,
                         &reply->problem);
        break;
    case SUPERVISOR_MESH_START:
        rc = services_mesh_start(&supervisor->services, &reply->problem);
        break;
    case SUPERVISOR_MESH_STOP:
        rc = services_mesh_stop(&supervisor->services, &reply->problem);
        break;
    }
    if (rc != 0 && reply->problem.code == PROBLEM_OK) {
        (void)problem_set(&reply->problem, PROBLEM_INTERNAL, NULL,
                          "the supervisor could not do it");
    }
    if (rc != 0 && request->verb == SUPERVISOR_MESH_START) {
        log_problem(LOG_LEVEL_ERROR, &reply->problem); /* the links stay off for all */
    }
    reply->json = buffer_slice(&supervisor->json);
}

static int on_command(zloop_t *loop, zsock_t *socket, void *arg)
{
    struct supervisor *supervisor = arg;
    struct supervisor_request request;
    struct supervisor_answer reply = {.problem = {.code = PROBLEM_OK}};
    zmsg_t *message = zmsg_recv(socket);
    zframe_t *bytes = message != NULL ? zmsg_last(message) : NULL;
    (void)loop;

    if (bytes != NULL) {
        struct slice asked = {(const char *)zframe_data(bytes), zframe_size(bytes)};
        if (supervisor_request_unpack(&request, asked) != 0) {
            (void)problem_set(&reply.problem, PROBLEM_INTERNAL, NULL, "malformed request");
        } else {
            answer(supervisor, &request, &reply);
        }
        buffer_clear(&supervisor->out);
        if (supervisor_answer_pack(&reply, &supervisor->out) == 0) {
            zframe_reset(bytes, supervisor->out.data, supervisor->out.len);
            if (zmsg_send(&message, socket) != 0) { /* the asker gave up: its time-out tells it */
                zmsg_destroy(&message);
            }
        }
    }
    zmsg_destroy(&message);
    return supervisor->exit_status != 0 ? -1 : 0;
}

static int on_signal(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    struct supervisor *supervisor = arg;
    struct signalfd_siginfo info;
    (void)loop;
    (void)item;

    if (read(supervisor->signal_fd, &info, sizeof info) != sizeof info) {
        return 0;
    }
    if (info.ssi_signo == SIGHUP) {
        log_info("RELOAD", "signal=SIGHUP");
        reload(supervisor);
        return supervisor->exit_status != 0 ? -1 : 0;
    }
    log_info("STOPPING", "signal=%s", info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
    return -1;
}

/* Ends the process at a second signal, or when the polite stop takes too long. */
static void *guard_stop(void *arg)
{
    sigset_t set;
    int64_t until_ms = clock_mono_ms() + STOP_LIMIT_S * 1000;
    int64_t left_ms, caught = -1;
    (void)arg;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    /* Whoever stops all threads for a moment (a debugger, a leak check) interrupts the wait. */
    while (caught < 0 && (left_ms = until_ms - clock_mono_ms()) > 0) {
        struct timespec left = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
        caught = sigtimedwait(&set, NULL, &left);
    }
    if (caught >= 0) {
        log_warn("STOPPED_AT_ONCE", "why=\"second signal\"");
    } else {
        log_warn("STOPPED_AT_ONCE", "why=\"the polite stop took longer than %d s\"", STOP_LIMIT_S);
    }
    _exit(0); /* committed is committed; the next start checks the database */
}

static void start_guard(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, guard_stop, NULL) == 0) {
        (void)pthread_detach(thread);
    } else {
        log_warn("INTERNAL", "what=\"no thread to guard the stop\"");
    }
}

/* All threads inherit this mask, so signals reach the signalfd alone. */
static int block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        return -1;
    }
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int serve(struct supervisor *supervisor)
{
    zmq_pollitem_t signals = {.fd = supervisor->signal_fd, .events = ZMQ_POLLIN};

    supervisor->loop = zloop_new();
    (void)zloop_reader(supervisor->loop, supervisor->commands, on_command, supervisor);
    (void)zloop_poller(supervisor->loop, &signals, on_signal, supervisor);
    zloop_set_nonstop(supervisor->loop, true);
    log_info("READY", "version=%s id=%s p2p_port=%d api_port=%d peers=%zu zone=%s database=%s",
             PARKMESH_VERSION, supervisor->config.id.text, supervisor->config.p2p_port,
             supervisor->config.api_port, supervisor->config.peer_count, localtime_zone(),
             supervisor->services.database);
    (void)sd_notify(0, "READY=1"); /* 0 or an error: nobody supervises us */
    while (zloop_start(supervisor->loop) == 0) {
        ;
    }
    (void)sd_notify(0, "STOPPING=1");
    start_guard();
    zloop_destroy(&supervisor->loop);
    return supervisor->exit_status;
}

/* A shell lets a program open 1024 files; with all pages there we need more. The hard limit is the
 * administrator's word. */
static void raise_open_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= FILES ||
        limit.rlim_cur == limit.rlim_max) {
        return;
    }
    limit.rlim_cur = limit.rlim_max < FILES ? limit.rlim_max : FILES;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        log_warn("OPEN_FILES", "wanted=%llu error=\"%s\"", (unsigned long long)limit.rlim_cur,
                 strerror(errno));
    }
}

static zsock_t *bind_commands(void)
{
    zsock_t *socket = zsock_new_router(NULL);
    if (socket != NULL && inproc_bind(socket, COMMAND_SUPERVISOR) != 0) {
        zsock_destroy(&socket);
    }
    return socket;
}

int supervisor_run(const struct supervisor_options *options)
{
    struct supervisor supervisor = {.options = options};
    struct problem problem = {.code = PROBLEM_OK};
    int status;

    config_init(&supervisor.config);
    status = load(&supervisor, true, &supervisor.config);
    if (status != 0) {
        goto free_config;
    }
    (void)localtime_set_zone(supervisor.config.timezone); /* checked when it was read */
    raise_open_files();
    supervisor.signal_fd = block_signals();
    zsys_handler_set(NULL);
    zsys_init();
    zsys_set_max_sockets(SOCKETS);
    zsys_set_logstream(stderr);
    supervisor.commands = bind_commands();
    supervisor.services.web_dir = options->web_dir;
    if (supervisor.signal_fd < 0 || supervisor.commands == NULL) {
        status = problem_exit_status(PROBLEM_INTERNAL);
        log_error("INTERNAL", "what=\"signals or sockets not available\"");
    } else if (services_start(&supervisor.services, &supervisor.config, &problem) != 0) {
        log_problem(LOG_LEVEL_ERROR, &problem);
        status = problem_exit_status(problem.code);
    } else {
        status = serve(&supervisor);
    }
    services_stop(&supervisor.services);
    inproc_close(&supervisor.commands);
    zsys_shutdown();
    if (supervisor.signal_fd >= 0) {
        (void)close(supervisor.signal_fd);
    }
    log_info("STOPPED", "status=%d", status);
free_config:
    if (supervisor.next != NULL) { /* saved, and followed by the next start */
        config_free(supervisor.next);
        free(supervisor.next);
    }
    buffer_free(&supervisor.old_text);
    buffer_free(&supervisor.json);
    buffer_free(&supervisor.out);
    config_free(&supervisor.config);
    return status;
}
