/* A stack that is the test's own memory: what is below the caller goes, what is in use stays. */
#include "api/stack.h"

#include "tests/support_main.h"

#include <check.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#define STACK_BYTES ((size_t)8 * 1024 * 1024) /* ThreadSanitizer keeps its own at the top */
#define BELOW (STACK_BYTES / 2)               /* no test gets down there by itself */

static char *stack;
static size_t left; /* of the bytes BELOW, after the trimming */

/* Leaves BELOW behind as deep calls would. */
static void *dirty_and_trim(void *argument)
{
    char own[256];
    size_t wrong = 0;

    memset(own, 0x5a, sizeof own);
    memset(stack, 0xa5, BELOW);
    stack_trim();
    for (size_t i = 0; i < BELOW; i++) {
        left += stack[i] != 0;
    }
    for (size_t i = 0; i < sizeof own; i++) {
        wrong += own[i] != 0x5a;
    }
    stack_trim(); /* nothing there any more */
    *(size_t *)argument = wrong;
    return NULL;
}

START_TEST(what_deep_calls_left_behind_goes)
{
    pthread_attr_t attributes;
    pthread_t thread;
    size_t wrong = 1;

    stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(stack, MAP_FAILED);
    ck_assert_int_eq(pthread_attr_init(&attributes), 0);
    ck_assert_int_eq(pthread_attr_setstack(&attributes, stack, STACK_BYTES), 0);
    ck_assert_int_eq(pthread_create(&thread, &attributes, dirty_and_trim, &wrong), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_uint_eq(left, 0);
    ck_assert_uint_eq(wrong, 0);
    (void)pthread_attr_destroy(&attributes);
    ck_assert_int_eq(munmap(stack, STACK_BYTES), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stack");
    TCase *tests = tcase_create("stack");

    tcase_add_test(tests, what_deep_calls_left_behind_goes);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
