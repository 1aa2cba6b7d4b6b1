/* sim_test.c: whole services under seeded histories, against a model of what AWS promises. README.md says what is in it.
 *
 *   SIM_SEED=n      this seed alone           SIM_STEPS=n     steps of a run
 *   SIM_SECONDS=n   new seeds for that long   SIM_ONLY=a-b,c  these steps of it alone
 *
 * A run's actions are a function of its seed. The service's threads are real, so their schedule is not: what is checked holds for every
 * schedule, and a failure that depends on one may take several replays to come again.
 *
 * Each run is a process of its own. One that fails is run again with steps left out, for a while, to find the few that it takes. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/must.h"
#include "sim/run.h"
#include "unit/base/cmocka_all.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEEDS = 6, AT_ONCE = 2, STEPS = 300, SHRINK_SECONDS = 60, SHRINK_TRIES = 200 };

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text && text[0] ? strtoull(text, NULL, 10) : otherwise;
}

/* ---- one run ---- */

static pid_t run_start(const struct run_plan *plan, bool quietly)
{
    fflush(NULL);
    pid_t child = fork();
    must(child >= 0);
    if (child > 0)
        return child;
    int nowhere = quietly ? open("/dev/null", O_WRONLY) : -1;
    if (quietly) {
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
    }
    run_all(plan);
    fflush(NULL);
    _exit(0);
}

static bool run_holds(pid_t child)
{
    int status;
    must(waitpid(child, &status, 0) == child);
    run_sweep(child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool run(const struct run_plan *plan, bool quietly)
{
    return run_holds(run_start(plan, quietly));
}

/* "3-9,12": all others are skipped. */
static void keep_only(struct run_plan *plan, const char *text)
{
    for (uint32_t i = 0; i < plan->steps; i++)
        plan->skip[i] = true;
    for (char *end; *text; text = *end == ',' ? end + 1 : end) {
        unsigned long first = strtoul(text, &end, 10), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        if (*end != ',' && *end != '\0')
            return;
        for (unsigned long i = first; i <= last && i < plan->steps; i++)
            plan->skip[i] = false;
    }
}

static struct run_plan *plan_of(uint64_t seed)
{
    struct run_plan *plan = MEM_NEW(struct run_plan);
    plan->seed = seed;
    plan->steps = (uint32_t)number_of("SIM_STEPS", STEPS);
    must(plan->steps <= RUN_STEPS_MAX);
    if (getenv("SIM_ONLY"))
        keep_only(plan, getenv("SIM_ONLY"));
    return plan;
}

/* ---- fewer steps ---- */

static void print_kept(const struct run_plan *plan)
{
    const char *between = "";
    printf("again with: SIM_SEED=%" PRIu64 " SIM_STEPS=%u", plan->seed, plan->steps);
    for (uint32_t i = 0, first; i < plan->steps; i++) {
        if (plan->skip[i])
            continue;
        for (first = i; i + 1 < plan->steps && !plan->skip[i + 1];)
            i++;
        printf("%s%u", between[0] ? between : " SIM_ONLY=", first);
        if (i > first)
            printf("-%u", i);
        between = ",";
    }
    printf("\n");
}

/* Leaves out ever smaller stretches, and what fails without one is kept without it. */
static void shrink(struct run_plan *plan)
{
    uint64_t until_us = clock_mono_us(&clock_system) + SHRINK_SECONDS * 1000000ull;
    uint32_t tries = 0;
    for (uint32_t stretch = plan->steps / 2; stretch > 0; stretch /= 2) {
        for (uint32_t at = 0; at < plan->steps; at += stretch) {
            if (tries++ == SHRINK_TRIES || clock_mono_us(&clock_system) > until_us)
                return;
            struct run_plan *fewer = MEM_NEW(struct run_plan);
            *fewer = *plan;
            for (uint32_t i = at; i < at + stretch && i < plan->steps; i++)
                fewer->skip[i] = true;
            bool changes = memcmp(fewer->skip, plan->skip, sizeof(plan->skip)) != 0;
            if (changes && !run(fewer, true))
                *plan = *fewer;
            mem_free(fewer);
        }
    }
}

static void explain(struct run_plan *plan)
{
    printf("seed %" PRIu64 " failed; again with: SIM_SEED=%" PRIu64 " SIM_STEPS=%u\n", plan->seed,
           plan->seed, plan->steps);
    if (number_of("SIM_SHRINK", 1)) {
        shrink(plan);
        print_kept(plan);
        run(plan, false);
    }
    fflush(NULL);
}

/* ---- all of them ---- */

/* So many runs from this seed on, at once. */
static void seeds_hold(uint64_t first, unsigned count)
{
    struct run_plan *plans[AT_ONCE];
    pid_t children[AT_ONCE];
    unsigned failed = 0;
    for (unsigned i = 0; i < count; i++) {
        plans[i] = plan_of(first + i);
        children[i] = run_start(plans[i], false);
    }
    for (unsigned i = 0; i < count; i++) {
        bool holds = run_holds(children[i]);
        failed += !holds;
        if (!holds)
            explain(plans[i]);
        mem_free(plans[i]);
    }
    assert_int_equal(failed, 0);
}

static void histories_are_as_promised(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed += AT_ONCE)
        seeds_hold(seed, AT_ONCE);
}

static void the_seed_asked_for_is_as_promised(void **state)
{
    (void)state;
    seeds_hold(number_of("SIM_SEED", 1), 1);
}

static void new_histories_are_as_promised(void **state)
{
    (void)state;
    uint64_t until_us = clock_mono_us(&clock_system) + number_of("SIM_SECONDS", 0) * 1000000;
    uint64_t seed = number_of("SIM_SEED", clock_wall_ms(&clock_system));
    printf("from seed %" PRIu64 " on\n", seed);
    for (; clock_mono_us(&clock_system) < until_us; seed += AT_ONCE)
        seeds_hold(seed, AT_ONCE);
}

int main(void)
{
    const struct CMUnitTest some[] = {cmocka_unit_test(histories_are_as_promised)};
    const struct CMUnitTest one[] = {cmocka_unit_test(the_seed_asked_for_is_as_promised)};
    const struct CMUnitTest many[] = {cmocka_unit_test(new_histories_are_as_promised)};
    if (number_of("SIM_SECONDS", 0))
        return cmocka_run_group_tests(many, NULL, NULL);
    if (getenv("SIM_SEED"))
        return cmocka_run_group_tests(one, NULL, NULL);
    return cmocka_run_group_tests(some, NULL, NULL);
}
