/* link: -Wl,--wrap=mem_try -Wl,--wrap=mem_resize_try */
/* log_memory_test.c: the embedded log engine while memory is short: each allocation that may fail
 * does, one run an allocation, until a run comes through without. What was acknowledged is kept,
 * and what was not is refused. */
#include "base/mem.h"
#include "base/must.h"
#include "support/log_driver.h"
#include "support/log_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#define FAILING_HERE true
#include "support/failing.h"

enum { APPENDS = 40, LOGS = 2 };

struct expected {
    unsigned count;
    unsigned texts[3 * APPENDS];
    unsigned at;
};

static void see(void *arg, uint64_t offset, const char *text)
{
    struct expected *e = arg;
    char wanted[16];
    assert_true(e->at < e->count);
    assert_int_equal(offset, e->at);
    snprintf(wanted, sizeof(wanted), "%u", e->texts[e->at++]);
    assert_string_equal(text, wanted);
}

static void check(struct log *l, struct expected *e)
{
    uint64_t next = 0;
    struct fault f = {0};
    e->at = 0;
    for (;;) {
        enum status st = driver_read(l, next, &next, see, e, &f);
        if (st == END)
            break;
        assert_true(st == OK || st == NO_MEMORY);
        assert_true(st == OK || failing.failed);
    }
    assert_int_equal(e->at, e->count);
}

static void append_all(struct log_fixture *x, struct log **logs, struct expected *all)
{
    for (unsigned i = 0; i < APPENDS; i++) {
        struct expected *e = &all[i % LOGS];
        char text[16];
        snprintf(text, sizeof(text), "%u", i);
        enum status st = driver_append(x->engine, logs[i % LOGS], text, NULL);
        assert_true(st == OK || (st == NO_MEMORY && failing.failed));
        if (st == OK)
            e->texts[e->count++] = i;
    }
}

static void open_again(struct log_fixture *x)
{
    struct fault f;
    enum status st = log_leveldb_open(&x->settings, &x->engine, &f);
    if (st == NO_MEMORY && failing.failed)
        st = log_leveldb_open(&x->settings, &x->engine, &f);
    assert_int_equal(st, OK);
}

/* false: nothing was left to fail */
static bool one_run(void **state, long which)
{
    struct expected all[LOGS] = {0};
    struct log *logs[LOGS];
    log_fixture_setup(state);
    struct log_fixture *x = *state;
    log_fixture_close(x);
    x->settings.segment_bytes = 1500;
    x->settings.tail_bytes_max = 600;
    failing_begin(which);
    for (unsigned round = 0; round < 2; round++) {
        open_again(x);
        for (uint32_t i = 0; i < LOGS; i++)
            logs[i] = driver_open(x->engine, 1, i);
        append_all(x, logs, all);
        for (uint32_t i = 0; i < LOGS; i++)
            check(logs[i], &all[i]);
        struct log_fixture_keeper k = log_fixture_keep(0, 99);
        struct fault f;
        (void)x->engine->ops->trim(x->engine, &k.keeper, LOG_FIXTURE_START_MS, 50, &f);
        log_fixture_close(x);
    }
    bool failed = failing_end();
    log_fixture_teardown(state);
    return failed;
}

static void each_allocation_that_fails_loses_nothing(void **state)
{
    long which = 1;
    while (one_run(state, which))
        which += which < 100 ? 1 : 7;
    printf("%ld allocations\n", which);
    assert_true(which > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_that_fails_loses_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
