/*
 * Nothing below the stack pointer is anybody's, except for the 128 bytes that the x86-64 ABI lets a
 * leaf function use. MARGIN spares those, the rest of this frame and that of madvise.
 */
#define _GNU_SOURCE /* pthread_getattr_np */
#include "api/stack.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define MARGIN 512

/* The lowest address of the calling thread's stack; 0 = not known. Not a part of stack_trim, whose
 * frame has to be small. */
__attribute__((noinline)) static uintptr_t stack_bottom(void)
{
    pthread_attr_t attributes;
    void *bottom = NULL;
    size_t size;

    if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return 0;
    }
    if (pthread_attr_getstack(&attributes, &bottom, &size) != 0) {
        bottom = NULL;
    }
    (void)pthread_attr_destroy(&attributes); /* cannot fail */
    return (uintptr_t)bottom;
}

__attribute__((noinline)) void stack_trim(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t bottom = stack_bottom();
    uintptr_t end = ((uintptr_t)__builtin_frame_address(0) - MARGIN) & ~(page - 1);

    if (bottom != 0 && bottom < end) {
        (void)madvise((void *)bottom, end - bottom, MADV_DONTNEED); /* else nothing is saved */
    }
}
