/* Many connections, a node that does not answer, and a stop in the middle of it all. */
#include "support_stand.h"
#include "tests/support_main.h"

#include "api/desk.h"
#include "api/readers.h"
#include "proto/clock.h"
#include "proto/command.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 64
#define ROUNDS 50
#define ENTRY "{\"type\":\"ENTRY\",\"data\":{\"plate_text\":\"51F%05d\"}}"

struct camera {
    const struct stand *stand;
    int number;
    int good; /* answers that were about this camera's plate */
};

static void ask_on(int fd, int plate)
{
    char body[80];
    int len = snprintf(body, sizeof body, ENTRY, plate);

    stand_send_text(fd, "POST /api/edge/event HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s",
                    len, body);
}

static void *run_camera(void *argument)
{
    struct camera *camera = argument;
    int fd = stand_connect(camera->stand, 0);

    for (int i = 0; i < ROUNDS; i++) {
        int plate = camera->number * ROUNDS + i;
        char part[40];
        struct reply reply;
        (void)snprintf(part, sizeof part, "\"plate_id\":\"51F%05d\"", plate);
        ask_on(fd, plate);
        reply = stand_receive(fd);
        camera->good += reply.status == 200 && strstr(reply.body, part) != NULL;
        stand_reply_free(&reply);
    }
    (void)close(fd);
    return NULL;
}

/* Each keep-alive connection gets a worker, and every answer belongs to its question. */
START_TEST(test_64_connections)
{
    struct stand stand;
    struct camera cameras[CONNECTIONS];
    pthread_t threads[CONNECTIONS];

    stand_prepare(&stand);
    stand.options.http_threads = CONNECTIONS;
    stand_start(&stand);
    for (int i = 0; i < CONNECTIONS; i++) {
        cameras[i] = (struct camera){.stand = &stand, .number = i};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run_camera, &cameras[i]), 0);
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        (void)pthread_join(threads[i], NULL);
        ck_assert_int_eq(cameras[i].good, ROUNDS);
    }
    stand_free(&stand);
}
END_TEST

/* A node that is silent: the stop does not wait for it, and who waits is told. */
START_TEST(test_stop_while_requests_wait)
{
    struct stand stand;
    int fds[4];

    stand_new(&stand);
    stand_node_silence(&stand, true);
    for (int i = 0; i < 4; i++) {
        fds[i] = stand_connect(&stand, 0);
        ask_on(fds[i], i);
    }
    api_stop(&stand.api);
    for (int i = 0; i < 4; i++) {
        struct reply reply = stand_receive(fds[i]);
        ck_assert_msg(reply.status == 503 || reply.status == 0, "%d", reply.status);
        if (reply.status == 503) {
            ck_assert_ptr_nonnull(strstr(reply.body, "STOPPING"));
        }
        stand_reply_free(&reply);
        (void)close(fds[i]);
    }
    stand_free(&stand);
}
END_TEST

/* Every worker waits for the rest of a request; those who none has taken yet see an end as well. */
START_TEST(test_stop_with_more_connections_than_workers)
{
    enum {
        MANY = 200
    };
    const struct timeval patience = {.tv_sec = 20};
    struct stand stand;
    int fds[MANY];

    stand_prepare(&stand);
    stand.options.http_threads = 1;
    stand_start(&stand);
    for (int i = 0; i < MANY; i++) {
        fds[i] = stand_connect(&stand, 0);
        ck_assert_int_eq(setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience),
                         0);
        stand_send_text(fds[i], "POST /api/edge/event HTTP/1.1\r\nContent-Length: 9\r\n");
    }
    api_stop(&stand.api);
    for (int i = 0; i < MANY; i++) {
        errno = 0; /* an end is none */
        struct reply reply = stand_receive(fds[i]);
        ck_assert_msg(errno != EAGAIN, "connection %d hangs", i);
        stand_reply_free(&reply);
        (void)close(fds[i]);
    }
    stand_free(&stand);
}
END_TEST

/* A late answer is never taken for the answer to the next question. */
START_TEST(test_late_answers_are_dropped)
{
    struct stand stand;
    atomic_bool abandon = false;
    struct desk_asker *asker;
    struct buffer first = {0}, second = {0};
    struct command command;
    struct answer answer;
    struct problem problem;
    struct slice bytes;

    stand_prepare(&stand);
    asker = desk_asker_new(stand.options.desk, &abandon);
    command_init(&command, COMMAND_GATE);
    command.gate = GATE_ENTRY;
    command.plate_text = slice_text("51F00001");
    ck_assert_int_eq(command_pack(&command, &first), 0);
    command.plate_text = slice_text("51F00002");
    ck_assert_int_eq(command_pack(&command, &second), 0);
    stand_node_silence(&stand, true);
    ck_assert_int_eq(desk_call(asker, buffer_slice(&first), 1, &bytes, &problem), -1);
    ck_assert_int_eq(problem.code, PROBLEM_BUSY);
    stand_node_answer_late(&stand);
    stand_node_silence(&stand, false);
    ck_assert_int_eq(desk_call(asker, buffer_slice(&second), 20000, &bytes, &problem), 0);
    ck_assert_int_eq(answer_unpack(&answer, bytes), 0);
    ck_assert_str_eq(answer.plate_id, "51F00002");
    stand_node_silence(&stand, true);
    atomic_store(&abandon, true);
    ck_assert_int_eq(desk_call(asker, buffer_slice(&second), 20000, &bytes, &problem), -1);
    ck_assert_int_eq(problem.code, PROBLEM_STOPPING);
    desk_asker_destroy(&asker);
    buffer_free(&first);
    buffer_free(&second);
    stand_free(&stand);
}
END_TEST

/* Dumps leave handles for everybody else; one that cannot be opened can be tried again. */
START_TEST(test_readers)
{
    struct stand stand;
    struct problem problem;
    struct readers *readers;
    struct history *handles[4];
    char away[300];

    stand_prepare(&stand);
    readers = readers_new(stand.database, 4, &problem);
    ck_assert_ptr_nonnull(readers);
    handles[0] = readers_take(readers, true, &problem);
    handles[1] = readers_take(readers, true, &problem);
    ck_assert_ptr_null(readers_take(readers, true, &problem));
    ck_assert_int_eq(problem.code, PROBLEM_BUSY);
    handles[2] = readers_take(readers, false, &problem);
    handles[3] = readers_take(readers, false, &problem);
    ck_assert(handles[2] != NULL && handles[3] != NULL);
    ck_assert_ptr_null(readers_take(readers, false, &problem));
    ck_assert_int_eq(problem.code, PROBLEM_BUSY);
    for (int i = 0; i < 4; i++) {
        readers_give(readers, i < 2, &handles[i]);
    }
    handles[0] = readers_take(readers, true, &problem);
    ck_assert_ptr_nonnull(handles[0]);
    readers_give(readers, true, &handles[0]);
    readers_destroy(&readers);

    (void)snprintf(away, sizeof away, "%s.away", stand.database);
    readers = readers_new(stand.database, 2, &problem);
    handles[0] = readers_take(readers, true, &problem);
    ck_assert_int_eq(rename(stand.database, away), 0);
    ck_assert_ptr_null(readers_take(readers, false, &problem));
    ck_assert_int_ne(problem.code, PROBLEM_BUSY);
    ck_assert_int_eq(rename(away, stand.database), 0);
    handles[1] = readers_take(readers, false, &problem);
    ck_assert_ptr_nonnull(handles[1]);
    readers_give(readers, true, &handles[0]);
    readers_give(readers, false, &handles[1]);
    readers_destroy(&readers);
    stand_free(&stand);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("load");
    TCase *tests = tcase_create("load");

    tcase_add_test(tests, test_64_connections);
    tcase_add_test(tests, test_stop_while_requests_wait);
    tcase_add_test(tests, test_stop_with_more_connections_than_workers);
    tcase_add_test(tests, test_late_answers_are_dropped);
    tcase_add_test(tests, test_readers);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
