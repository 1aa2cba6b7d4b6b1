/* run.h: a whole run, from its seed. Thread: the only one of a process of its own. */
#ifndef SLUICE_TESTS_SIM_RUN_H
#define SLUICE_TESTS_SIM_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { RUN_STEPS_MAX = 20000 };

struct run_plan {
    uint64_t seed;
    uint32_t steps;
    bool skip[RUN_STEPS_MAX]; /* steps that are left out; the others stay what they are */
};

/* Ends the process with 1 when something differs, having said what. */
void run_all(const struct run_plan *plan);
/* Removes what the run that was this process left on the disk, however it ended. */
void run_sweep(pid_t run);

#endif
