/* group_keeper_test.c: what the keeper writes and when; what it does when it cannot; what it finds at start. */
/* link: -Wl,--wrap=leveldb_write */
#include "api/group_keeper.h"

#include "base/lock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "shards/row_store.h"
#include "support/answers.h"
#include "unit/base/cmocka_all.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define OURS  "Sluice_20261101."
#define GROUP "{\"StreamName\":\"s\",\"GroupName\":\"g\""
enum { CALLS = 40 };

/* ---- writes: counted, held up, failed; those of the keeper's thread ---- */

static struct gate {
    struct lock mu;
    struct signal changed;
    bool closed; /* under mu */
    int waiting; /* under mu */
    _Atomic int writes;
    _Atomic bool fails;
} gate;

void __real_leveldb_write(leveldb_t *, const leveldb_writeoptions_t *, leveldb_writebatch_t *,
                          char **error);
void __wrap_leveldb_write(leveldb_t *, const leveldb_writeoptions_t *, leveldb_writebatch_t *,
                          char **error);
void __wrap_leveldb_write(leveldb_t *db, const leveldb_writeoptions_t *options,
                          leveldb_writebatch_t *batch, char **error)
{
    if (thread_role() == THREAD_GROUPS) {
        lock_take(&gate.mu);
        gate.waiting++;
        signal_all(&gate.changed);
        while (gate.closed)
            signal_wait(&gate.changed, &gate.mu);
        gate.waiting--;
        lock_drop(&gate.mu);
        gate.writes++;
        if (gate.fails) {
            *error = mem_strdup("IO error: No space left on device");
            return;
        }
    }
    __real_leveldb_write(db, options, batch, error);
}

static void gate_set(bool closed)
{
    lock_take(&gate.mu);
    gate.closed = closed;
    signal_all(&gate.changed);
    lock_drop(&gate.mu);
}

static void gate_wait_for_a_writer(void)
{
    lock_take(&gate.mu);
    while (gate.waiting == 0)
        signal_wait(&gate.changed, &gate.mu);
    lock_drop(&gate.mu);
}

/* ---- set-up ---- */

static int setup(void **state)
{
    struct loopback *l = MEM_NEW(struct loopback);
    lock_init(&gate.mu, LOCK_TEST);
    signal_init(&gate.changed);
    loopback_open(l);
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":2}");
    gate.writes = 0;
    gate.fails = false;
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    loopback_close(*state);
    mem_free(*state);
    signal_fini(&gate.changed);
    lock_fini(&gate.mu);
    return 0;
}

static json_int_t join(struct loopback *l)
{
    json_t *answer = answer_ok(l, OURS "JoinConsumerGroup", GROUP ",\"MemberName\":\"a\"}");
    json_int_t session = json_integer_value(json_object_get(answer, "SessionEpoch"));
    json_decref(answer);
    return session;
}

static void print(char json[512], json_int_t session, const char *more)
{
    snprintf(json, 512, GROUP ",\"MemberName\":\"a\",\"SessionEpoch\":%" JSON_INTEGER_FORMAT "%s}",
             session, more);
}

#define COMMIT(at)                                                                                 \
    ",\"Commits\":[{\"ShardId\":\"shardId-000000000000\",\"LeaseEpoch\":1,\"SequenceNumber\":"     \
    "\"" at "\"}]"

/* The leases of the member, as text: mem_free. */
static char *leases(struct loopback *l, json_int_t session)
{
    char json[512];
    int status;
    print(json, session, "");
    char *text = call_text(l, OURS "HeartbeatConsumerGroup", json, &status);
    assert_int_equal(status, 200);
    return text;
}

/* ---- tests ---- */

static void what_changes_nothing_durable_writes_nothing(void **state)
{
    struct loopback *l = *state;
    char json[512];
    json_int_t session = join(l);
    assert_int_equal(gate.writes, 1); /* the group, its member, its leases, given: in one */
    for (int i = 0; i < 5; i++) {
        clock_manual_advance_ms(&l->clock, 1000);
        mem_free(leases(l, session));
    }
    json_decref(answer_ok(l, OURS "DescribeConsumerGroup", GROUP "}"));
    assert_int_equal(gate.writes, 1);
    print(json, session, COMMIT("TRIM_HORIZON"));
    json_decref(answer_ok(l, OURS "CommitConsumerGroup", json));
    assert_int_equal(gate.writes, 2);
    json_decref(answer_ok(l, OURS "CommitConsumerGroup", json));
    assert_int_equal(gate.writes, 2);
}

static _Atomic bool told;

static void tell(struct group_command *c)
{
    assert_int_equal(c->status, OK);
    lock_take(&gate.mu);
    told = true;
    signal_all(&gate.changed);
    lock_drop(&gate.mu);
}

/* The keeper's thread is inside the write: had it told before, it would have told by now. */
static void nobody_is_told_before_it_is_written(void **state)
{
    struct loopback *l = *state;
    struct stream *stream = stream_table_find(
        l->service.streams, &(struct scope){"000000000000", "us-east-1"}, BYTES_LITERAL("s"));
    struct group_command c = {
        .verb = GROUP_CREATE, .name = "g", .view = stream_look(stream), .done = tell};
    told = false;
    gate_set(true);
    group_command_submit(l->service.groups, &c);
    gate_wait_for_a_writer();
    assert_false(told);
    gate_set(false);
    lock_take(&gate.mu);
    while (!told)
        signal_wait(&gate.changed, &gate.mu);
    lock_drop(&gate.mu);
    stream_view_unref(c.view);
    stream_unref(stream);
}

static void what_comes_during_a_write_shares_the_next(void **state)
{
    struct loopback *l = *state;
    struct call calls[CALLS];
    char json[512];
    json_int_t session = join(l);
    gate_set(true);
    for (int i = 0; i < CALLS; i++) {
        char more[256];
        snprintf(more, sizeof(more),
                 ",\"Commits\":[{\"ShardId\":\"shardId-000000000000\",\"LeaseEpoch\":1,"
                 "\"SequenceNumber\":\"AT_TIMESTAMP\",\"SubSequenceNumber\":%d}]",
                 i + 1);
        print(json, session, more);
        call_start(&calls[i], l, OURS "CommitConsumerGroup", json);
        if (i == 0)
            gate_wait_for_a_writer();
    }
    gate_set(false);
    for (int i = 0; i < CALLS; i++) {
        call_wait(&calls[i]);
        assert_int_equal(calls[i].status, 200);
        call_end(&calls[i]);
    }
    assert_int_equal(gate.writes, 3); /* the join, the first commit, all others */
}

static void what_could_not_be_written_did_not_happen(void **state)
{
    struct loopback *l = *state;
    char json[512];
    int status;
    json_int_t session = join(l);
    char *before = leases(l, session);
    gate.fails = true;
    print(json, session, COMMIT("TRIM_HORIZON"));
    char *text = call_text(l, OURS "CommitConsumerGroup", json, &status);
    assert_int_equal(status, 503);
    mem_free(text);
    text = call_text(l, OURS "LeaveConsumerGroup",
                     "{\"StreamName\":\"s\",\"GroupName\":\"g\",\"MemberName\":\"b\","
                     "\"SessionEpoch\":1}",
                     &status);
    assert_int_equal(status, 400); /* fenced, as it would be */
    mem_free(text);
    gate.fails = false;
    char *after = leases(l, session);
    assert_string_equal(after, before);
    mem_free(before);
    mem_free(after);
    json_decref(answer_ok(l, OURS "CommitConsumerGroup", json));
    after = leases(l, session);
    assert_non_null(strstr(after, "TRIM_HORIZON"));
    mem_free(after);
}

static void a_deletion_that_could_not_be_written_leaves_the_group(void **state)
{
    struct loopback *l = *state;
    int status;
    answer_empty(l, OURS "CreateConsumerGroup", GROUP "}");
    gate.fails = true;
    mem_free(call_text(l, OURS "DeleteConsumerGroup", GROUP "}", &status));
    assert_int_equal(status, 503);
    gate.fails = false;
    json_decref(answer_ok(l, OURS "DescribeConsumerGroup", GROUP "}"));
    answer_empty(l, OURS "DeleteConsumerGroup", GROUP "}");
}

/* Rows are looked at with the keeper closed; it is open again after. */
static size_t rows_of_groups(struct loopback *l, const char *garbage)
{
    struct fault f;
    struct row_store rows;
    char folder[160];
    size_t count = 0;
    snprintf(folder, sizeof(folder), "%s-groups", l->folder);
    assert_int_equal(row_store_open(&rows, "groups", folder, &f), OK);
    leveldb_iterator_t *it = leveldb_create_iterator(rows.db, rows.checked);
    for (leveldb_iter_seek(it, "group/", 6); leveldb_iter_valid(it); leveldb_iter_next(it)) {
        size_t len;
        const char *key = leveldb_iter_key(it, &len);
        count += bytes_starts_with(bytes_of(key, len), BYTES_LITERAL("group/"));
    }
    leveldb_iter_destroy(it);
    if (garbage) {
        leveldb_writebatch_t *batch = leveldb_writebatch_create();
        leveldb_writebatch_put(batch, garbage, strlen(garbage), "{\"epoch\":\"x\"}", 13);
        assert_int_equal(row_store_write(&rows, batch, &f), OK);
        leveldb_writebatch_destroy(batch);
    }
    row_store_fini(&rows);
    return count;
}

static void close_keeper(struct loopback *l)
{
    group_keeper_close(l->service.groups);
    l->service.groups = NULL;
}

static enum status open_keeper(struct loopback *l, struct fault *f)
{
    char folder[160];
    snprintf(folder, sizeof(folder), "%s-groups", l->folder);
    struct group_keeper_settings settings = {
        .folder = folder, .streams = l->service.streams, .clock = &l->clock.clock};
    return group_keeper_open(&settings, &l->service.groups, f);
}

static void rows_of_a_stream_that_is_gone_are_removed(void **state)
{
    struct loopback *l = *state;
    struct fault f;
    join(l);
    close_keeper(l);
    assert_int_equal(rows_of_groups(l, NULL), 4); /* head, member, two shards */
    answer_empty(l, "DeleteStream", "{\"StreamName\":\"s\"}");
    assert_int_equal(open_keeper(l, &f), OK);
    close_keeper(l);
    assert_int_equal(rows_of_groups(l, NULL), 0);
}

static void the_sweep_drops_groups_of_a_stream_that_is_gone(void **state)
{
    struct loopback *l = *state;
    join(l);
    answer_empty(l, "CreateStream", "{\"StreamName\":\"t\",\"ShardCount\":1}");
    answer_empty(l, "DeleteStream", "{\"StreamName\":\"s\"}");
    clock_manual_advance_ms(&l->clock, 2000);
    /* the keeper's timers go by that clock; a command wakes it */
    for (int i = 0; i < 2; i++)
        json_decref(answer_ok(l, OURS "ListConsumerGroups", "{\"StreamName\":\"t\"}"));
    close_keeper(l);
    assert_int_equal(rows_of_groups(l, NULL), 0);
}

static void the_sweep_lets_members_expire_that_nobody_asks_about(void **state)
{
    struct loopback *l = *state;
    join(l);
    answer_empty(l, "CreateStream", "{\"StreamName\":\"t\",\"ShardCount\":1}");
    clock_manual_advance_ms(&l->clock, 60000);
    for (int i = 0; i < 2; i++)
        json_decref(answer_ok(l, OURS "ListConsumerGroups", "{\"StreamName\":\"t\"}"));
    close_keeper(l);
    assert_int_equal(rows_of_groups(l, NULL), 3); /* no member */
}

static void a_row_that_cannot_be_read_is_refused_by_name(void **state)
{
    struct loopback *l = *state;
    struct fault f;
    join(l);
    close_keeper(l);
    rows_of_groups(l, "group/00000000000000000001/g/shard/shardId-000000000000");
    assert_int_equal(open_keeper(l, &f), CORRUPT);
    assert_string_equal(f.text, "group store: the row "
                                "group/00000000000000000001/g/shard/shardId-000000000000 cannot be "
                                "read");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_changes_nothing_durable_writes_nothing),
        TEST(nobody_is_told_before_it_is_written),
        TEST(what_comes_during_a_write_shares_the_next),
        TEST(what_could_not_be_written_did_not_happen),
        TEST(a_deletion_that_could_not_be_written_leaves_the_group),
        TEST(rows_of_a_stream_that_is_gone_are_removed),
        TEST(the_sweep_drops_groups_of_a_stream_that_is_gone),
        TEST(the_sweep_lets_members_expire_that_nobody_asks_about),
        TEST(a_row_that_cannot_be_read_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
