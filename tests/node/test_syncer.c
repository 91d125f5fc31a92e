/* Nobody is told of a batch that the disk has not confirmed. The disk is store_sync(), which waits
 * here until the test lets it go on. */
#include "support_asker.h"
#include "support_house.h"
#include "tests/support_main.h"

#include "node/node.h"

#include <check.h>
#include <pthread.h>
#include <semaphore.h>

#define TOGETHER 8
#define SILENCE_MS 200

/* Who asks, and a thread that waits for the answer. */
struct waiting {
    struct desk_asker *asker;
    struct answer answer;
    pthread_t thread;
};

int __wrap_store_sync(const struct store *store, struct problem *problem);

static struct house house;
static zactor_t *actor;
static struct desk *desk;
static zsock_t *facts;
static sem_t asked, let_go, told;
static struct waiting waiting[TOGETHER + 1];
static size_t waiting_count;
static bool breaks;

int __wrap_store_sync(const struct store *store, struct problem *problem)
{
    (void)store;
    (void)sem_post(&asked);
    (void)sem_wait(&let_go);
    return breaks ? problem_set(problem, PROBLEM_DB_FAILED, NULL, "the disk is gone") : 0;
}

static void setup(void)
{
    house_start(&house, "central-1");
    asker_prepare();
    desk = asker_desk();
    waiting_count = 0;
    facts = asker_connect(ZMQ_SUB, FACTS_ENDPOINT);
    ck_assert_int_eq(sem_init(&asked, 0, 0) | sem_init(&let_go, 0, 0) | sem_init(&told, 0, 0), 0);
    breaks = false;
}

static void start(void)
{
    static struct node_args args;
    args = (struct node_args){.store = house.store, .id = house.id, .desk = desk};
    house.store = NULL; /* handed over */
    actor = zactor_new(node_actor, &args);
    ck_assert_ptr_nonnull(actor);
}

static void teardown(void)
{
    for (int i = 0; i < 100; i++) {
        (void)sem_post(&let_go);
    }
    zactor_destroy(&actor);
    desk_destroy(&desk);
    zsock_destroy(&facts);
    house_stop(&house);
    zsys_shutdown();
}

static void *wait_for_answer(void *argument)
{
    struct waiting *one = argument;
    one->answer = asker_answer(one->asker);
    (void)sem_post(&told);
    return NULL;
}

static void ask_entry(unsigned number, const char *sent_id)
{
    struct waiting *one = &waiting[waiting_count++];
    char plate[32];
    (void)snprintf(plate, sizeof plate, "51G%06u", number);
    struct command command = house_gate(GATE_ENTRY, plate, sent_id, EVENT_NONE);
    one->asker = asker_new(desk);
    asker_command(one->asker, &command);
    ck_assert_int_eq(pthread_create(&one->thread, NULL, wait_for_answer, one), 0);
}

/* Everybody is told that it is done. */
static void ck_all_told(void)
{
    for (size_t i = 0; i < waiting_count; i++) {
        ck_assert_int_eq(pthread_join(waiting[i].thread, NULL), 0);
        ck_assert_int_eq(waiting[i].answer.code, PROBLEM_OK);
        desk_asker_destroy(&waiting[i].asker);
    }
}

/* They are there before the node is: its first turn takes them together. */
static void ask_together(void)
{
    for (unsigned i = 0; i < TOGETHER; i++) {
        ask_entry(i, i == 0 ? "first" : NULL);
    }
    start();
    ck_assert_int_eq(sem_wait(&asked), 0);
}

/* Neither an answer nor a fact. */
static void ck_silence(void)
{
    zmq_pollitem_t item = {.socket = zsock_resolve(facts), .events = ZMQ_POLLIN};
    ck_assert_int_eq(zmq_poll(&item, 1, SILENCE_MS), 0);
    ck_assert_int_ne(sem_trywait(&told), 0);
}

static void ck_fact(size_t items)
{
    struct fact fact;
    zframe_t *frame;

    asker_fact(facts, &fact, &frame);
    ck_assert_uint_eq(fact.item_count, items);
    fact_free(&fact);
    zframe_destroy(&frame);
}

START_TEST(a_batch_is_told_when_the_disk_has_it)
{
    ask_together();
    ck_silence();
    (void)sem_post(&let_go);
    ck_all_told();
    ck_fact(TOGETHER);
}
END_TEST

/* A second try finds the event in the database before it is durable: its answer waits as well,
 * behind those of the batch that wrote it, and so does a batch whose own sync was done at once. */
START_TEST(who_comes_later_waits_behind_it)
{
    ask_together();
    ask_entry(0, "first");
    ck_silence();
    (void)sem_post(&let_go);
    ck_all_told();
    ck_assert(waiting[TOGETHER].answer.deduped);
    ck_fact(TOGETHER);
}
END_TEST

START_TEST(a_lone_request_is_not_handed_over)
{
    start();
    for (unsigned i = 0; i < 3; i++) {
        ask_entry(i, NULL);
        ck_all_told();
        waiting_count = 0;
        ck_fact(1);
    }
    ck_assert_int_ne(sem_trywait(&asked), 0);
}
END_TEST

START_TEST(a_stop_waits_for_the_disk_and_answers)
{
    ask_together();
    for (unsigned i = 0; i < 10; i++) {
        (void)sem_post(&let_go);
    }
    zactor_destroy(&actor);
    ck_all_told();
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM event"), TOGETHER);
}
END_TEST

START_TEST(a_disk_that_fails_ends_the_process_unanswered)
{
    breaks = true;
    ask_together();
    (void)sem_post(&let_go);
    (void)sem_wait(&told); /* the exit comes first */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("syncer");
    TCase *tests = tcase_create("syncer");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_batch_is_told_when_the_disk_has_it);
    tcase_add_test(tests, who_comes_later_waits_behind_it);
    tcase_add_test(tests, a_lone_request_is_not_handed_over);
    tcase_add_test(tests, a_stop_waits_for_the_disk_and_answers);
    tcase_add_exit_test(tests, a_disk_that_fails_ends_the_process_unanswered, 74);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
