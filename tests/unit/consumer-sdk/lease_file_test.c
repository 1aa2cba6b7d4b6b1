/* lease_file_test.c: the file of leases: what two workers see of each other by it, what survives, every allocation failing in turn. */
/* link: -Wl,--wrap=mem_try -Wl,--wrap=mem_resize_try */
#include "base/file.h"
#include "base/mem.h"
#include "support/failing.h"
#include "unit/base/cmocka_all.h"

#include <jansson.h>
#include <sluice/lease_store.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROOM = 16 };

static char folder[32], path[64];
static struct sluice_lease got[ROOM];
static size_t count;
static struct sluice_error error;
static const struct sluice_lease_shard two[] = {{"shardId-000000000000", "", ""},
                                                {"shardId-000000000001", "", ""}};

static struct sluice_lease_member member(const char *name)
{
    return (struct sluice_lease_member){.stream_arn = "arn:s",
                                        .group = "g",
                                        .member = name,
                                        .session_timeout_ms = 60000,
                                        .handover_ms = 60000};
}

static sluice_lease_store *store(void)
{
    sluice_lease_store *s;
    assert_int_equal(sluice_file_leases_new(path, &s, &error), SLUICE_OK);
    assert_true(s->wants_shards);
    return s;
}

static enum sluice_status beat_with(sluice_lease_store *s, const char *name,
                                    const struct sluice_lease_shard *shards, size_t shard_count,
                                    const struct sluice_lease *released, size_t released_count)
{
    struct sluice_lease_member m = member(name);
    count = ROOM;
    return s->heartbeat(s->self, &m, shards, shard_count, released, released_count, got, &count,
                        &error);
}

static enum sluice_status beat(sluice_lease_store *s, const char *name)
{
    return beat_with(s, name, two, 2, NULL, 0);
}

static void join(sluice_lease_store *s, const char *name)
{
    struct sluice_lease_member m = member(name);
    assert_int_equal(s->join(s->self, &m, &error), SLUICE_OK);
}

static enum sluice_status commit(sluice_lease_store *s, const char *name,
                                 const struct sluice_lease *lease, const char *sequence)
{
    struct sluice_lease_member m = member(name);
    struct sluice_checkpoint_at at = {.sub_sequence_number = 4};
    snprintf(at.sequence_number, sizeof(at.sequence_number), "%s", sequence);
    return s->commit(s->self, &m, lease, &at, &error);
}

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/sluice-leases-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/leases.json", folder);
    return 0;
}

static int end(void **state)
{
    struct fault f;
    (void)state;
    return folder_remove(folder, &f) == OK ? 0 : -1;
}

/* ---- tests ---- */

static void two_workers_share_and_hand_over(void **state)
{
    (void)state;
    sluice_lease_store *a = store(), *b = store();
    join(a, "a");
    assert_int_equal(beat(a, "a"), SLUICE_OK);
    assert_int_equal(count, 2);
    join(b, "b");
    assert_int_equal(beat(b, "b"), SLUICE_OK);
    assert_int_equal(count, 0);
    assert_int_equal(beat(a, "a"), SLUICE_OK);
    assert_int_equal(count, 2);
    const struct sluice_lease given = got[got[0].revoked ? 0 : 1];
    assert_true(given.revoked);
    assert_int_equal(commit(a, "a", &given, "77"), SLUICE_OK);
    assert_int_equal(beat_with(a, "a", two, 2, &given, 1), SLUICE_OK);
    assert_int_equal(count, 1);
    assert_int_equal(beat(b, "b"), SLUICE_OK);
    assert_int_equal(count, 1);
    assert_string_equal(got[0].shard_id, given.shard_id);
    assert_true(got[0].epoch > given.epoch);
    assert_string_equal(got[0].checkpoint.sequence_number, "77");
    assert_int_equal(got[0].checkpoint.sub_sequence_number, 4);
    assert_int_equal(commit(a, "a", &given, "78"), SLUICE_FENCED); /* L1 */
    sluice_file_leases_free(a);
    sluice_file_leases_free(b);
}

static void leaving_frees_at_once_and_a_second_life_fences_the_first(void **state)
{
    (void)state;
    sluice_lease_store *a = store(), *b = store();
    struct sluice_lease_member m = member("a");
    join(a, "a");
    assert_int_equal(beat(a, "a"), SLUICE_OK);
    join(b, "a"); /* the same name again */
    assert_int_equal(beat(a, "a"), SLUICE_FENCED);
    assert_int_equal(beat(b, "a"), SLUICE_OK);
    assert_int_equal(count, 2);
    assert_int_equal(b->leave(b->self, &m, &error), SLUICE_OK);
    assert_int_equal(b->leave(b->self, &m, &error), SLUICE_FENCED);
    sluice_file_leases_free(a);
    sluice_file_leases_free(b);
}

/* L2, L3 */
static void a_checkpoint_is_there_for_the_next_process_and_children_wait_for_parents(void **state)
{
    (void)state;
    static const struct sluice_lease_shard more[] = {
        {"shardId-000000000000", "", ""},
        {"shardId-000000000001", "", ""},
        {"shardId-000000000002", "shardId-000000000000", "shardId-000000000001"}};
    sluice_lease_store *a = store();
    join(a, "a");
    assert_int_equal(beat_with(a, "a", more, 3, NULL, 0), SLUICE_OK);
    assert_int_equal(count, 2);
    assert_int_equal(commit(a, "a", &got[0], SLUICE_SHARD_END), SLUICE_OK);
    const struct sluice_lease other = got[1];
    assert_int_equal(beat_with(a, "a", more, 3, NULL, 0), SLUICE_OK);
    assert_int_equal(count, 1);
    sluice_file_leases_free(a); /* dies */
    a = store();
    join(a, "a");
    assert_int_equal(commit(a, "a", &other, "5"), SLUICE_FENCED);
    assert_int_equal(beat_with(a, "a", more, 3, NULL, 0), SLUICE_OK);
    assert_int_equal(count, 1);
    assert_int_equal(commit(a, "a", &got[0], SLUICE_SHARD_END), SLUICE_OK);
    assert_int_equal(beat_with(a, "a", more, 3, NULL, 0), SLUICE_OK);
    assert_int_equal(count, 1);
    assert_string_equal(got[0].shard_id, "shardId-000000000002");
    sluice_file_leases_free(a);
}

static void an_older_list_of_shards_drops_nothing(void **state)
{
    (void)state;
    static const struct sluice_lease_shard newer[] = {{"shardId-000000000001", "", ""},
                                                      {"shardId-000000000002", "", ""}};
    static const struct sluice_lease_shard fewer[] = {{"shardId-000000000002", "", ""}};
    sluice_lease_store *a = store();
    join(a, "a");
    assert_int_equal(beat_with(a, "a", newer, 2, NULL, 0), SLUICE_OK);
    assert_int_equal(count, 2);
    const struct sluice_lease newest = got[strcmp(got[0].shard_id, "shardId-000000000001") == 0];
    assert_string_equal(newest.shard_id, "shardId-000000000002");
    assert_int_equal(commit(a, "a", &newest, "8"), SLUICE_OK);
    assert_int_equal(beat(a, "a"), SLUICE_OK); /* 0 and 1: older */
    assert_int_equal(count, 2);
    assert_int_equal(beat_with(a, "a", fewer, 1, NULL, 0), SLUICE_OK); /* as new: 1 is gone */
    assert_int_equal(count, 1);
    assert_int_equal(beat_with(a, "a", newer, 2, NULL, 0), SLUICE_OK); /* and stays so */
    assert_int_equal(count, 1);
    assert_string_equal(got[0].shard_id, "shardId-000000000002");
    assert_string_equal(got[0].checkpoint.sequence_number, "8");
    assert_int_equal(got[0].epoch, newest.epoch);
    sluice_file_leases_free(a);
}

static void too_many_leases_for_the_room_are_counted(void **state)
{
    (void)state;
    sluice_lease_store *a = store();
    struct sluice_lease_member m = member("a");
    join(a, "a");
    count = 1;
    assert_int_equal(a->heartbeat(a->self, &m, two, 2, NULL, 0, got, &count, &error), SLUICE_FULL);
    assert_int_equal(count, 2);
    sluice_file_leases_free(a);
}

static void groups_in_one_file_know_nothing_of_each_other(void **state)
{
    (void)state;
    sluice_lease_store *a = store(), *b = store();
    struct sluice_lease_member other = member("a");
    other.group = "h";
    join(a, "a");
    assert_int_equal(beat(a, "a"), SLUICE_OK);
    assert_int_equal(b->join(b->self, &other, &error), SLUICE_OK);
    count = ROOM;
    assert_int_equal(b->heartbeat(b->self, &other, two, 2, NULL, 0, got, &count, &error),
                     SLUICE_OK);
    assert_int_equal(count, 2);
    assert_int_equal(beat(a, "a"), SLUICE_OK);
    assert_int_equal(count, 2);
    sluice_file_leases_free(a);
    sluice_file_leases_free(b);
}

static void a_file_that_is_not_ours_is_refused_and_left_alone(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",
        "{",
        "[]",
        "{\"format\": \"x\", \"groups\": []}",
        "{\"format\": \"sluice-leases 1\", \"groups\": {}}",
        "{\"format\": \"sluice-leases 1\", \"groups\": [], \"groups\": []}"};
    struct fault f;
    struct buf text;
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        sluice_lease_store *s;
        assert_int_equal(file_replace(path, bytes_text(others[i]), &f), OK);
        assert_int_equal(sluice_file_leases_new(path, &s, &error), SLUICE_PROTOCOL);
        buf_init(&text, 1000);
        assert_int_equal(file_read(path, &text, &f), OK);
        assert_int_equal(text.len, strlen(others[i]));
        buf_fini(&text);
    }
}

static void rows_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"{}", "1", "{\"shard\": 1}", "{\"shard\": \"\"}",
                                       "{\"name\": \"a\", \"session\": 9}"};
    struct fault f;
    char text[300];
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        snprintf(text, sizeof(text),
                 "{\"format\": \"sluice-leases 1\", \"groups\": [{\"stream\": \"arn:s\", "
                 "\"group\": \"g\", \"shards\": {}, \"rows\": [%s]}]}",
                 rows[i]);
        assert_int_equal(file_replace(path, bytes_text(text), &f), OK);
        sluice_lease_store *s = store();
        struct sluice_lease_member m = member("a");
        assert_int_equal(s->join(s->self, &m, &error), SLUICE_PROTOCOL);
        sluice_file_leases_free(s);
    }
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    sluice_lease_store *s;
    assert_int_equal(sluice_file_leases_new("/nonexistent/leases", &s, &error), SLUICE_OK);
    struct sluice_lease_member m = member("a");
    assert_int_equal(s->join(s->self, &m, &error), SLUICE_IO);
    sluice_file_leases_free(s);
}

/* ---- without memory ---- */

static void *take_or_fail(size_t size)
{
    return __wrap_mem_try(size);
}

static void give_back(void *p)
{
    mem_free(p);
}

/* PROTOCOL: within a text, jansson takes it for a bad one. */
static bool for_want_of_memory(enum sluice_status st)
{
    return st == SLUICE_NO_MEMORY || st == SLUICE_PROTOCOL;
}

/* Either it is done, or nothing is; and it is said which. */
static void each_allocation_may_fail(void **state)
{
    (void)state;
    json_malloc_t malloc_before;
    json_free_t free_before;
    sluice_lease_store *a = store();
    json_get_alloc_funcs(&malloc_before, &free_before);
    json_set_alloc_funcs(take_or_fail, give_back);
    join(a, "a");
    assert_int_equal(beat(a, "a"), SLUICE_OK);
    const struct sluice_lease lease = got[0];
    bool failed = true;
    char saved[24] = "", sequence[24];
    for (long i = 1; failed; i++) {
        snprintf(sequence, sizeof(sequence), "%ld", 1000 + i);
        failing_begin(i);
        enum sluice_status st = commit(a, "a", &lease, sequence);
        failed = failing_end();
        if (st == SLUICE_OK)
            memcpy(saved, sequence, sizeof(saved));
        else
            assert_true(failed && for_want_of_memory(st));
        failing_begin(i);
        st = beat(a, "a");
        failed |= failing_end();
        assert_true(st == SLUICE_OK || for_want_of_memory(st));
        assert_int_equal(beat(a, "a"), SLUICE_OK);
        assert_int_equal(count, 2);
        assert_string_equal(got[0].checkpoint.sequence_number, saved);
    }
    json_set_alloc_funcs(malloc_before, free_before);
    sluice_file_leases_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_workers_share_and_hand_over, begin, end),
        cmocka_unit_test_setup_teardown(leaving_frees_at_once_and_a_second_life_fences_the_first,
                                        begin, end),
        cmocka_unit_test_setup_teardown(
            a_checkpoint_is_there_for_the_next_process_and_children_wait_for_parents, begin, end),
        cmocka_unit_test_setup_teardown(an_older_list_of_shards_drops_nothing, begin, end),
        cmocka_unit_test_setup_teardown(too_many_leases_for_the_room_are_counted, begin, end),
        cmocka_unit_test_setup_teardown(groups_in_one_file_know_nothing_of_each_other, begin, end),
        cmocka_unit_test_setup_teardown(a_file_that_is_not_ours_is_refused_and_left_alone, begin,
                                        end),
        cmocka_unit_test_setup_teardown(rows_that_are_none_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_folder_that_is_not_there_is_an_error, begin, end),
        cmocka_unit_test_setup_teardown(each_allocation_may_fail, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
