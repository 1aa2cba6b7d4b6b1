/* log_fixture.h: an embedded log engine in a folder of its own under /tmp, with small segments and
 * a clock that stands still. */
#ifndef SLUICE_TESTS_SUPPORT_LOG_FIXTURE_H
#define SLUICE_TESTS_SUPPORT_LOG_FIXTURE_H

#include "shards/log_leveldb.h"

#include <stdbool.h>
#include <sys/types.h>

enum { LOG_FIXTURE_START_MS_LOW = 1700000000 }; /* seconds */
#define LOG_FIXTURE_START_MS (LOG_FIXTURE_START_MS_LOW * 1000ull)

struct log_fixture {
    char folder[64];
    struct clock_manual clock;
    struct log_leveldb_settings settings;
    struct log_engine *engine; /* NULL: closed */
};

/* cmocka's setup and teardown: *state is a struct log_fixture, its engine open. */
int log_fixture_setup(void **state);
int log_fixture_teardown(void **state);
void log_fixture_open(struct log_fixture *x);
void log_fixture_close(struct log_fixture *x);
void log_fixture_reopen(struct log_fixture *x);

/* A keeper for trim: what is older than begin_ms may go, of `deleted` all. */
struct log_fixture_keeper {
    struct log_keeper keeper;
    uint64_t begin_ms, deleted, kept;
};
struct log_fixture_keeper log_fixture_keep(uint64_t begin_ms, uint64_t deleted);
void log_fixture_trim(struct log_fixture *x, const struct log_fixture_keeper *k);

/* prefix-0,prefix-1,... each once, in order, and nothing else. */
void assert_log_is(struct log *l, const char *prefix, unsigned count);
/* Runs `work` on the open engine, and leaves the folder as a kill right after it would; closed. */
void log_fixture_crash(struct log_fixture *x, void (*work)(struct log_fixture *x));
/* The largest file with this ending in any segment; false: none. */
bool log_fixture_file(const struct log_fixture *x, const char *ending, char path[512], off_t *len);
/* Turns bits at a place of a file; from its end when `at` is negative. */
void log_fixture_flip(const char *path, off_t at);

#endif
