/* log_damage_test.c: bytes that change on the disk, and writes that the machine's failure tore.
 * Only what is hurt is refused. */
#include "base/mem.h"
#include "base/must.h"
#include "base/random.h"
#include "support/log_driver.h"
#include "support/log_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS = 30 };

/* Thirty commits; in each, a value of each of three logs. */
static void write_rounds(struct log_fixture *x)
{
    struct log *logs[3];
    for (uint32_t i = 0; i < 3; i++)
        logs[i] = driver_open(x->engine, i + 1, 0);
    for (unsigned round = 0; round < ROUNDS; round++)
        for (uint32_t i = 0; i < 3; i++) {
            char text[900];
            memset(text, ' ', sizeof(text) - 1);
            text[sizeof(text) - 1] = '\0';
            int len = snprintf(text, 32, "r-%u", round);
            text[len] = ' ';
            must(driver_append(x->engine, logs[i], text, NULL) == OK);
        }
}

static enum status read_to_the_end(struct log *l, uint64_t *next, struct fault *f);

static void ignore(void *arg, uint64_t offset, const char *text)
{
    (void)arg, (void)offset, (void)text;
}

static enum status read_to_the_end(struct log *l, uint64_t *next, struct fault *f)
{
    enum status st;
    *next = 0;
    while ((st = driver_read(l, *next, next, ignore, NULL, f)) == OK)
        continue;
    return st;
}

static void crash_and_find_log(struct log_fixture *x, char path[512], off_t *len)
{
    log_fixture_crash(x, write_rounds);
    must(log_fixture_file(x, ".log", path, len));
}

static void assert_whole_and_served(struct log_fixture *x, uint64_t stream, unsigned count)
{
    struct log *l = driver_open(x->engine, stream, 0);
    char text[32];
    assert_log_is(l, "r", count);
    snprintf(text, sizeof(text), "r-%u", count);
    assert_int_equal(driver_append(x->engine, l, text, NULL), OK);
    assert_log_is(l, "r", count + 1);
}

/* One past the last byte of the log that is not zero: a frame is filled up. */
static off_t end_of_log(const char *path)
{
    FILE *f = fopen(path, "rb");
    off_t end = 0, at = 0;
    must(f);
    for (int c; (c = fgetc(f)) != EOF;)
        end = ++at && c ? at : end;
    fclose(f);
    return end;
}

static void a_last_write_torn_at_any_byte_is_dropped_and_all_else_kept(void **state)
{
    struct log_fixture *x = *state;
    for (unsigned round = 0; round < 6; round++) {
        char path[512];
        off_t len;
        log_fixture_teardown(state);
        log_fixture_setup(state);
        x = *state;
        crash_and_find_log(x, path, &len);
        off_t cut = (off_t)(round * 190);
        len = end_of_log(path);
        if (round % 2)
            log_fixture_flip(path, len - 1 - cut / 2); /* its pages never reached the disk */
        else
            must(truncate(path, len - 1 - cut) == 0);
        log_fixture_open(x);
        assert_whole_and_served(x, 1, ROUNDS);
        assert_whole_and_served(x, 2, ROUNDS);
        struct log_bounds bounds;
        log_bounds(driver_open(x->engine, 3, 0), &bounds);
        assert_true(bounds.end == ROUNDS - 1 || bounds.end == ROUNDS - 2);
        assert_whole_and_served(x, 3, (unsigned)bounds.end);
    }
}

static void zeros_behind_the_last_write_do_no_harm(void **state)
{
    struct log_fixture *x = *state;
    char path[512];
    off_t len;
    crash_and_find_log(x, path, &len);
    must(truncate(path, len + 5000) == 0);
    log_fixture_open(x);
    for (uint64_t stream = 1; stream <= 3; stream++)
        assert_whole_and_served(x, stream, ROUNDS);
}

/* Where the value with this text begins in the file. */
static off_t find_text(const char *path, const char *text, unsigned nth)
{
    FILE *f = fopen(path, "rb");
    char *all = mem_must(1 << 20);
    size_t len = fread(all, 1, (1 << 20) - 1, f);
    fclose(f);
    char *at = all;
    for (unsigned i = 0;; i++) {
        at = memmem(at, len - (size_t)(at - all), text, strlen(text));
        must(at);
        if (i == nth)
            break;
        at++;
    }
    off_t found = at - all;
    mem_free(all);
    return found;
}

static void damage_in_a_commit_refuses_the_logs_it_hurts_only(void **state)
{
    struct log_fixture *x = *state;
    char path[512];
    off_t len;
    crash_and_find_log(x, path, &len);
    log_fixture_flip(path, find_text(path, "r-12 ", 1) + 100); /* the second log's */
    log_fixture_open(x);
    for (int round = 0; round < 2; round++) {
        struct log *hurt = driver_open(x->engine, 2, 0);
        uint64_t next;
        struct fault f = {0};
        assert_whole_and_served(x, 1, ROUNDS + (unsigned)round);
        assert_whole_and_served(x, 3, ROUNDS + (unsigned)round);
        assert_int_equal(read_to_the_end(hurt, &next, &f), CORRUPT);
        assert_int_equal(next, 12); /* what stands before is served */
        assert_non_null(strstr(f.text, "segment 0000000000000000000"));
        assert_int_equal(driver_append(x->engine, hurt, "no", NULL), CORRUPT);
        log_fixture_reopen(x);
    }
}

static void any_flipped_byte_costs_no_other_log_its_records(void **state)
{
    struct random chance;
    uint64_t seed = (uint64_t)getpid();
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&chance, seed);
    for (unsigned round = 0; round < 25; round++) {
        struct log_fixture *x;
        char path[512];
        off_t len;
        unsigned whole = 0;
        log_fixture_teardown(state);
        log_fixture_setup(state);
        x = *state;
        crash_and_find_log(x, path, &len);
        off_t at = (off_t)random_below(&chance, (uint64_t)len * 9 / 10);
        log_fixture_flip(path, at);
        log_fixture_open(x);
        for (uint64_t stream = 1; stream <= 3; stream++) {
            struct log *l = driver_open(x->engine, stream, 0);
            uint64_t next;
            struct fault f = {0};
            enum status st = read_to_the_end(l, &next, &f);
            enum status more = driver_append(x->engine, l, "more", NULL);
            if (st != END || next != ROUNDS || more != OK)
                fprintf(stderr, "byte %lld: stream %llu: %s at %llu, append %s\n", (long long)at,
                        (unsigned long long)stream, status_name(st), (unsigned long long)next,
                        status_name(more));
            /* never: fewer records without being called damaged */
            assert_true((st == END && next == ROUNDS) || st == CORRUPT);
            assert_true(st == END ? more == OK : more == CORRUPT);
            whole += st == END;
        }
        assert_true(whole >= 2);
        assert_whole_and_served(x, 9, 0); /* others of the class are served */
    }
}

/* B3: what of the file is the log cannot be told, so it cannot be told where logs end. */
static void a_log_that_lost_both_heads_is_set_aside(void **state)
{
    struct log_fixture *x = *state;
    char path[512];
    off_t len;
    crash_and_find_log(x, path, &len);
    for (off_t at = 0; at < 2 * 4096; at += 8)
        log_fixture_flip(path, at);
    log_fixture_open(x);
    for (int round = 0; round < 2; round++) {
        struct log *l = driver_open(x->engine, 1, 0);
        assert_int_equal(driver_append(x->engine, l, "no", NULL), CORRUPT);
        log_fixture_reopen(x);
    }
}

static void a_torn_write_of_the_index_does_no_harm(void **state)
{
    struct log_fixture *x = *state;
    char command[256];
    write_rounds(x);
    log_fixture_close(x);
    snprintf(command, sizeof(command),
             "for f in %s/index/*.log; do printf 'torn torn torn torn torn' >> $f; done",
             x->folder);
    must(system(command) == 0);
    log_fixture_open(x);
    for (uint64_t stream = 1; stream <= 3; stream++)
        assert_whole_and_served(x, stream, ROUNDS);
}

static void a_damaged_list_of_files_is_made_anew(void **state)
{
    struct log_fixture *x = *state;
    char path[512], command[600];
    off_t len;
    crash_and_find_log(x, path, &len);
    *strrchr(path, '/') = '\0';
    snprintf(command, sizeof(command),
             "for f in %s/MANIFEST-*; do printf 'xxxxxxxxxxxx' > $f; done", path);
    must(system(command) == 0);
    log_fixture_open(x);
    for (uint64_t stream = 1; stream <= 3; stream++)
        assert_whole_and_served(x, stream, ROUNDS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, log_fixture_setup, log_fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_last_write_torn_at_any_byte_is_dropped_and_all_else_kept),
        TEST(zeros_behind_the_last_write_do_no_harm),
        TEST(damage_in_a_commit_refuses_the_logs_it_hurts_only),
        TEST(any_flipped_byte_costs_no_other_log_its_records),
        TEST(a_log_that_lost_both_heads_is_set_aside),
        TEST(a_torn_write_of_the_index_does_no_harm),
        TEST(a_damaged_list_of_files_is_made_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
