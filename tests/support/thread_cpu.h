/* thread_cpu.h: how much of a processor the calling thread has had: whether it slept while it waited. Thread: any. */
#ifndef SLUICE_TESTS_SUPPORT_THREAD_CPU_H
#define SLUICE_TESTS_SUPPORT_THREAD_CPU_H

#include "base/must.h"

#include <stdint.h>
#include <time.h>

static inline uint64_t thread_cpu_us(void)
{
    struct timespec t;
    must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

#endif
