/* failing.h: allocations that fail in turn. A program that includes it links with
 *     -Wl,--wrap=mem_try -Wl,--wrap=mem_resize_try
 * Only those of the thread that called failing_begin are counted. Included once, by the test itself. */
#ifndef SLUICE_TESTS_SUPPORT_FAILING_H
#define SLUICE_TESTS_SUPPORT_FAILING_H

#include <stdbool.h>
#include <stddef.h>

void *__real_mem_try(size_t size);
void *__wrap_mem_try(size_t size);
void *__real_mem_resize_try(void *old, size_t size);
void *__wrap_mem_resize_try(void *old, size_t size);

static _Thread_local struct {
    long count, fail_at;
    bool failed;
} failing;

/* The which-th allocation from now on fails, and no other. */
static inline void failing_begin(long which)
{
    failing.count = 0;
    failing.fail_at = which;
    failing.failed = false;
}

/* Whether it came to that. */
static inline bool failing_end(void)
{
    failing.fail_at = 0;
    return failing.failed;
}

static inline bool failing_now(void)
{
    if (failing.fail_at == 0 || ++failing.count != failing.fail_at)
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
