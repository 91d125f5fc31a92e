#include "api/camera_setup.h"

#include "api/call.h"
#include "api/camera_list.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The two calls to one box. */
struct setup {
    const struct camera_setting *camera;
    char urls[2][CAMERA_IP + 64];
    struct buffer bodies[2];
    bool is_set; /* the first call was answered with 200 */
};

/*
 * The address under which this camera reaches us. A central that is known by a loopback address
 * only is asked for by the one that the way to the camera starts from. Connecting a datagram socket
 * sends nothing.
 */
static void home_for(const struct camera_setting *camera, const struct camera_home *home,
                     char out[CAMERA_IP])
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(CAMERA_PORT)}, from;
    socklen_t len = sizeof from;
    int fd = -1;

    (void)snprintf(out, CAMERA_IP, "%s", home->ip);
    if (strncmp(home->ip, "127.", 4) != 0 || strncmp(camera->ip, "127.", 4) == 0 ||
        inet_pton(AF_INET, camera->ip, &to.sin_addr) != 1) {
        return;
    }
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
        getsockname(fd, (struct sockaddr *)&from, &len) == 0) {
        (void)inet_ntop(AF_INET, &from.sin_addr, out, CAMERA_IP); /* fits */
    }
    (void)close(fd); /* nothing was sent */
}

static void write_identity(struct setup *setup)
{
    struct json_writer writer = json_writer(&setup->bodies[0]);

    json_put_open(&writer, '{');
    json_put_key(&writer, "camera");
    json_put_open(&writer, '{');
    json_set_text(&writer, "type", setup->camera->type);
    if (setup->camera->name[0] != '\0') {
        json_set_text(&writer, "name", setup->camera->name);
    }
    json_put_close(&writer, '}');
    json_put_close(&writer, '}');
}

static void write_home(struct setup *setup, const struct camera_home *home)
{
    struct json_writer writer = json_writer(&setup->bodies[1]);
    char ip[CAMERA_IP], url[CAMERA_IP + 32];

    home_for(setup->camera, home, ip);
    (void)snprintf(url, sizeof url, "http://%s:%d", ip, (int)home->port);
    json_put_open(&writer, '{');
    json_set_text(&writer, "central_url", url);
    json_set_int(&writer, "camera_id", setup->camera->id);
    json_put_close(&writer, '}');
}

static void prepare(struct setup *setup, const struct camera_setting *camera,
                    const struct camera_home *home)
{
    static const char *const paths[2] = {"/api/config", "/api/edge/init-sync"};

    setup->camera = camera;
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(setup->urls[i], sizeof setup->urls[i], "http://%s:%d%s", camera->ip,
                       CAMERA_PORT, paths[i]);
    }
    write_identity(setup);
    write_home(setup, home);
}

static void put_result(struct json_writer *writer, const struct setup *setup,
                       const struct call *call)
{
    bool done = call->outcome == CALL_ANSWERED && call->status == 200;
    char id[24], text[400];

    (void)snprintf(id, sizeof id, "%lld", (long long)setup->camera->id);
    json_put_open(writer, '{');
    json_set_text(writer, "camera_id", id);
    json_set_bool(writer, "success", done);
    if (done) {
        json_set_text(writer, "message", "Đã cấu hình camera");
    } else if (call->outcome == CALL_ANSWERED) {
        (void)snprintf(text, sizeof text, "%s: HTTP %d", call->url, call->status);
        json_set_text(writer, "error", text);
    } else {
        json_set_text(writer, "error", call->error);
    }
    if (!done) {
        json_set_text(writer, "code", problem_name(call_problem(call, PROBLEM_CAMERA_UNREACHABLE)));
    }
    json_put_close(writer, '}');
}

/* One of the two calls to each box that may get it; the results of those that end here. */
static void make_calls(struct setup *setups, size_t count, size_t step, const atomic_bool *abandon,
                       struct json_writer *writer)
{
    struct call *calls = bytes_allocate(count, sizeof *calls);
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        if (step == 0 || setups[i].is_set) {
            calls[used++] = (struct call){.method = "POST",
                                          .url = setups[i].urls[step],
                                          .body = buffer_slice(&setups[i].bodies[step])};
        }
    }
    call_all(calls, used, abandon);
    used = 0;
    for (size_t i = 0; i < count; i++) {
        if (step != 0 && !setups[i].is_set) {
            continue;
        }
        setups[i].is_set = calls[used].outcome == CALL_ANSWERED && calls[used].status == 200;
        if (step == 1 || !setups[i].is_set) {
            put_result(writer, &setups[i], &calls[used]);
        }
        call_free(&calls[used++]);
    }
    free(calls);
}

void camera_setup_all(const struct camera_settings *cameras, const struct camera_home *home,
                      const atomic_bool *abandon, struct json_writer *writer)
{
    struct setup *setups = bytes_allocate(cameras->count, sizeof *setups);
    size_t count = 0;

    for (size_t i = 0; i < cameras->count; i++) {
        if (cameras->items[i].ip[0] != '\0') {
            prepare(&setups[count++], &cameras->items[i], home);
        }
    }
    json_put_key(writer, "sync_results");
    json_put_open(writer, '[');
    make_calls(setups, count, 0, abandon, writer);
    make_calls(setups, count, 1, abandon, writer);
    json_put_close(writer, ']');
    for (size_t i = 0; i < count; i++) {
        buffer_free(&setups[i].bodies[0]);
        buffer_free(&setups[i].bodies[1]);
    }
    free(setups);
}
