/* failing.h: allocations that fail in turn. A program that includes it links with
 *     -Wl,--wrap=mem_try -Wl,--wrap=mem_resize_try
 * Included once, by the test itself. Those count of the thread that called failing_begin; a test of other threads says which before it
 * includes this: #define FAILING_HERE (thread_role() == THREAD_DELIVERY), or true for all. */
#ifndef SLUICE_TESTS_SUPPORT_FAILING_H
#define SLUICE_TESTS_SUPPORT_FAILING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

void *__real_mem_try(size_t size);
void *__wrap_mem_try(size_t size);
void *__real_mem_resize_try(void *old, size_t size);
void *__wrap_mem_resize_try(void *old, size_t size);

static _Thread_local char failing_self; /* a thread's own place */
static struct {
    _Atomic long count, fail_at;
    _Atomic bool failed;
    const char *_Atomic whose;
} failing;

#ifndef FAILING_HERE
#define FAILING_HERE (failing.whose == &failing_self)
#endif

/* The which-th allocation from now on fails, and no other. */
static inline void failing_begin(long which)
{
    failing.whose = &failing_self;
    failing.count = 0;
    failing.failed = false;
    failing.fail_at = which;
}

/* Whether it came to that. */
static inline bool failing_end(void)
{
    failing.fail_at = 0;
    return failing.failed;
}

static inline bool failing_now(void)
{
    if (failing.fail_at == 0 || !FAILING_HERE || ++failing.count != failing.fail_at)
        return false;
    failing.failed = true;
    return true;
}

void *__wrap_mem_try(size_t size)
{
    return failing_now() ? NULL : __real_mem_try(size);
}

void *__wrap_mem_resize_try(void *old, size_t size)
{
    return failing_now() ? NULL : __real_mem_resize_try(old, size);
}

#endif
