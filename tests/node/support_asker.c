#include "support_asker.h"

#include <check.h>

#define PLACES 4096
#define PATIENCE_MS 20000 /* only ever spent by a test that fails */

void asker_prepare(void)
{
    zsys_handler_set(NULL);
    ck_assert_ptr_nonnull(zsys_init());
}

zsock_t *asker_connect(int type, const char *endpoint)
{
    zsock_t *socket = zsock_new(type);
    ck_assert_ptr_nonnull(socket);
    zsock_set_sndhwm(socket, 0);
    zsock_set_rcvhwm(socket, 0);
    zsock_set_linger(socket, 0);
    zsock_set_rcvtimeo(socket, PATIENCE_MS);
    if (type == ZMQ_SUB) {
        zsock_set_subscribe(socket, "");
    }
    ck_assert_int_eq(zsock_connect(socket, "%s", endpoint), 0);
    return socket;
}

void asker_send(zsock_t *socket, const char *first, struct slice bytes)
{
    void *raw = zsock_resolve(socket);
    if (first != NULL) {
        ck_assert_int_ge(zmq_send(raw, first, strlen(first), ZMQ_SNDMORE), 0);
    }
    ck_assert_int_ge(zmq_send(raw, bytes.data, bytes.len, 0), 0);
}

zframe_t *asker_receive(zsock_t *socket)
{
    zframe_t *frame = zframe_recv(socket);
    ck_assert_msg(frame != NULL, "no answer");
    while (zframe_more(frame)) {
        zframe_destroy(&frame);
        frame = zframe_recv(socket);
    }
    return frame;
}

struct slice asker_slice(zframe_t *frame)
{
    return (struct slice){(const char *)zframe_data(frame), zframe_size(frame)};
}

struct desk *asker_desk(void)
{
    struct desk *desk = desk_new(PLACES);
    ck_assert_ptr_nonnull(desk);
    return desk;
}

struct desk_asker *asker_new(struct desk *desk)
{
    static atomic_bool never;
    return desk_asker_new(desk, &never);
}

void asker_ask(struct desk_asker *asker, struct slice bytes)
{
    struct problem problem;
    ck_assert_int_eq(desk_send(asker, bytes, PATIENCE_MS, &problem), 0);
}

void asker_command(struct desk_asker *asker, const struct command *command)
{
    struct buffer packed = {0};
    ck_assert_int_eq(command_pack(command, &packed), 0);
    asker_ask(asker, buffer_slice(&packed));
    buffer_free(&packed);
}

struct answer asker_answer(struct desk_asker *asker)
{
    struct answer answer;
    struct problem problem;
    struct slice bytes;
    ck_assert_msg(desk_receive(asker, PATIENCE_MS, &bytes, &problem) == 0, "no answer");
    ck_assert_int_eq(answer_unpack(&answer, bytes), 0);
    return answer;
}

void asker_apply(zsock_t *socket, uint64_t token, enum fact_origin origin, struct slice run)
{
    struct buffer packed = {0};
    struct apply_request request = {.token = token, .origin = origin, .run = run};
    ck_assert_int_eq(apply_request_pack(&request, &packed), 0);
    asker_send(socket, NULL, buffer_slice(&packed));
    buffer_free(&packed);
}

struct apply_answer asker_applied(zsock_t *socket)
{
    struct apply_answer answer;
    zframe_t *frame = asker_receive(socket);
    ck_assert_int_eq(apply_answer_unpack(&answer, asker_slice(frame)), 0);
    zframe_destroy(&frame);
    return answer;
}

void asker_fact(zsock_t *socket, struct fact *fact, zframe_t **frame)
{
    *frame = asker_receive(socket);
    ck_assert_int_eq(fact_unpack(fact, asker_slice(*frame)), 0);
}
