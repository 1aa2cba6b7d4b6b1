/* encryption_test.c: encrypted streams over a loopback exchange: what is stored, given and refused. */
#include "base/mem.h"
#include "support/answers.h"
#include "support/key_file.h"
#include "support/log_memory.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

#define ONE_KEY  KEY_A " alias/a enabled " BITS_1 "\n"
#define START(k) "{\"StreamName\":\"s\",\"EncryptionType\":\"KMS\",\"KeyId\":\"" k "\"}"
#define DATA     "c2VjcmV0" /* "secret" */
#define PUT      "{\"StreamName\":\"s\",\"PartitionKey\":\"k\",\"Data\":\"" DATA "\"}"
#define AWAY                                                                                       \
    "{\"__type\":\"KMSNotFoundException\",\"message\":\"Key "                                      \
    "'arn:aws:kms:us-east-1:000000000000:key/" KEY_A "' does not exist\"}"

struct subject {
    struct loopback loopback;
    struct key_file file;
};

static int open_with(void **state, uint64_t state_delay_ms)
{
    struct subject *s = MEM_NEW(struct subject);
    key_file_open(&s->file, ONE_KEY);
    s->loopback.master_keys = s->file.keys;
    s->loopback.state_delay_ms = state_delay_ms;
    loopback_open(&s->loopback);
    *state = s;
    return 0;
}

static int setup(void **state)
{
    open_with(state, 0);
    struct subject *s = *state;
    answer_empty(&s->loopback, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    return 0;
}

static int setup_slow(void **state)
{
    return open_with(state, 50);
}

static int teardown(void **state)
{
    struct subject *s = *state;
    loopback_close(&s->loopback);
    key_file_close(&s->file);
    mem_free(s);
    return 0;
}

static void put(struct loopback *l, bool encrypted)
{
    json_t *got = answer_ok(l, "PutRecord", PUT);
    const char *type = json_string_value(json_object_get(got, "EncryptionType"));
    assert_string_equal(type ? type : "absent", encrypted ? "KMS" : "absent");
    json_decref(got);
}

/* GetRecords from the beginning of a shard. */
static void iterate(struct loopback *l, int shard, char *out, size_t room)
{
    char ask[256];
    snprintf(ask, sizeof(ask),
             "{\"StreamName\":\"s\",\"ShardId\":\"%d\",\"ShardIteratorType\":\"TRIM_HORIZON\"}",
             shard);
    json_t *it = answer_ok(l, "GetShardIterator", ask);
    snprintf(out, room, "{\"ShardIterator\":\"%s\"}",
             json_string_value(json_object_get(it, "ShardIterator")));
    json_decref(it);
}

/* What is read from a shard: K for an encrypted record, - for a plain one. All must hold DATA. */
static void reads(struct loopback *l, int shard, const char *expected)
{
    char ask[640], kinds[64] = "";
    iterate(l, shard, ask, sizeof(ask));
    json_t *got = answer_ok(l, "GetRecords", ask), *record;
    size_t i;
    json_array_foreach(json_object_get(got, "Records"), i, record)
    {
        assert_string_equal(json_string_value(json_object_get(record, "Data")), DATA);
        assert_string_equal(json_string_value(json_object_get(record, "PartitionKey")), "k");
        kinds[i] = json_object_get(record, "EncryptionType") ? 'K' : '-';
    }
    assert_string_equal(kinds, expected);
    json_decref(got);
}

static void plain_and_encrypted_records_are_read_in_order_also_after_a_restart(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    put(l, false);
    answer_empty(l, "StartStreamEncryption", START("alias/a"));
    put(l, true);
    put(l, true);
    answer_empty(l, "StopStreamEncryption", START("alias/a"));
    put(l, false);
    key_file_set(&s->file, ONE_KEY KEY_B " alias/b enabled " BITS_2 "\n");
    answer_empty(l, "StartStreamEncryption", START("alias/b"));
    put(l, true);
    reads(l, 0, "-KK-K");
    loopback_reopen(l);
    reads(l, 0, "-KK-K");
    put(l, true);
    reads(l, 0, "-KK-KK");
}

static void a_put_that_meets_a_seal_is_sealed_anew_for_the_child(void **state)
{
    struct loopback *l = &((struct subject *)*state)->loopback;
    answer_empty(l, "StartStreamEncryption", START("alias/a"));
    log_memory_hold(l->service.logs, true);
    struct call split, one;
    call_start(&split, l, "SplitShard",
               "{\"StreamName\":\"s\",\"ShardToSplit\":\"0\",\"NewStartingHashKey\":\"1000\"}");
    while (log_memory_held(l->service.logs) == 0)
        ; /* the catalog's thread queues the seal */
    call_start(&one, l, "PutRecord", PUT);
    log_memory_hold(l->service.logs, false);
    log_memory_release_held(l->service.logs);
    call_wait(&split);
    call_wait(&one);
    assert_int_equal(one.status, 200);
    assert_non_null(strstr(one.text, "\"ShardId\":\"shardId-000000000002\""));
    call_end(&split);
    call_end(&one);
    reads(l, 0, "");
    reads(l, 2, "K");
}

/* A put of one, a put of many, and a read that begins with what is encrypted: one answer. */
static void all_are_refused(struct loopback *l, const char *read, const char *answer)
{
    answer_fails(l, "PutRecord", PUT, answer);
    answer_fails(l, "PutRecords",
                 "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"\",\"PartitionKey\":\"k\"}]}",
                 answer);
    answer_fails(l, "GetRecords", read, answer);
}

static void a_key_that_is_away_refuses_puts_and_reads(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    char ask[640];
    put(l, false);
    answer_empty(l, "StartStreamEncryption", START("alias/a"));
    put(l, true);
    key_file_set(&s->file, "");
    for (int again = 0; again < 2; again++) {
        reads(l, 0, "-"); /* what stands before is given */
        iterate(l, 0, ask, sizeof(ask));
        json_t *got = answer_ok(l, "GetRecords", ask);
        snprintf(ask, sizeof(ask), "{\"ShardIterator\":\"%s\"}",
                 json_string_value(json_object_get(got, "NextShardIterator")));
        json_decref(got);
        all_are_refused(l, ask, AWAY);
        loopback_reopen(l);
    }
    key_file_set(&s->file, KEY_A " alias/a disabled " BITS_1);
    all_are_refused(l, ask,
                    "{\"__type\":\"KMSDisabledException\",\"message\":\"arn:aws:kms:us-east-1:"
                    "000000000000:key/" KEY_A " is disabled.\"}");
    key_file_set(&s->file, KEY_A " alias/a enabled " BITS_2);
    all_are_refused(l, ask,
                    "{\"__type\":\"KMSInvalidStateException\",\"message\":\"arn:aws:kms:us-east-1:"
                    "000000000000:key/" KEY_A
                    " is in an invalid state: the key material that wrapped "
                    "a data key is not there.\"}");
    key_file_set(&s->file, ONE_KEY);
    reads(l, 0, "-K");
}

static void a_new_version_wraps_anew_and_the_old_one_may_go(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    answer_empty(l, "StartStreamEncryption", START("alias/a"));
    put(l, true);
    key_file_set(&s->file, ONE_KEY KEY_A " alias/a enabled " BITS_2 "\n");
    catalog_rewrap(l->service.catalog);
    answer_empty(l, "AddTagsToStream", /* a command behind it: it is done */
                 "{\"StreamName\":\"s\",\"Tags\":{\"a\":\"1\"}}");
    key_file_set(&s->file, KEY_A " alias/a enabled " BITS_2 "\n");
    reads(l, 0, "K");
    loopback_reopen(l);
    reads(l, 0, "K");
    put(l, true);
}

static void a_start_wraps_anew_what_was_rotated_while_the_server_was_down(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    for (int i = 0; i < 70; i++) { /* more than two turns of the walk */
        char ask[256];
        snprintf(ask, sizeof(ask), "{\"StreamName\":\"more-%d\",\"ShardCount\":1}", i);
        answer_empty(l, "CreateStream", ask);
        snprintf(ask, sizeof(ask),
                 "{\"StreamName\":\"more-%d\",\"EncryptionType\":\"KMS\",\"KeyId\":\"alias/a\"}",
                 i);
        answer_empty(l, "StartStreamEncryption", ask);
    }
    key_file_set(&s->file, ONE_KEY KEY_A " alias/a enabled " BITS_2 "\n");
    loopback_reopen(l);
    for (int turn = 0; turn < 4; turn++) /* each lets one more turn pass */
        answer_empty(l, "AddTagsToStream", "{\"StreamName\":\"s\",\"Tags\":{\"a\":\"1\"}}");
    key_file_set(&s->file, KEY_A " alias/a enabled " BITS_2 "\n");
    for (int i = 0; i < 70; i++) {
        char ask[256];
        snprintf(ask, sizeof(ask),
                 "{\"StreamName\":\"more-%d\",\"PartitionKey\":\"k\",\"Data\":\"\"}", i);
        json_decref(answer_ok(l, "PutRecord", ask));
    }
}

static void a_stream_dwells_in_updating_and_comes_out_of_it_after_a_restart(void **state)
{
    struct loopback *l = &((struct subject *)*state)->loopback;
    answer_empty(l, "CreateStream", "{\"StreamName\":\"s\",\"ShardCount\":1}");
    for (int step = 0; step < 2; step++) {
        const char *status = NULL;
        while (!status) {
            clock_manual_advance_ms(&l->clock, 10);
            char *now = call_text(l, "DescribeStreamSummary", "{\"StreamName\":\"s\"}", NULL);
            status = strstr(now, "\"ACTIVE\"");
            assert_true(step == 0 || strstr(now, "\"KeyId\":\"alias/a\""));
            mem_free(now);
        }
        if (step)
            break;
        answer_empty(l, "StartStreamEncryption", START("alias/a"));
        answer_fails(l, "StopStreamEncryption", START("alias/a"),
                     "{\"__type\":\"ResourceInUseException\",\"message\":\"Stream s under account "
                     "000000000000 not ACTIVE, instead in state UPDATING\"}");
        put(l, true);
        loopback_reopen(l);
    }
}

static void what_cannot_be_is_refused(void **state)
{
    struct loopback *l = &((struct subject *)*state)->loopback;
    answer_fails(
        l, "StartStreamEncryption",
        "{\"StreamName\":\"s\",\"EncryptionType\":\"NONE\",\"KeyId\":\"alias/a\"}",
        "{\"__type\":\"InvalidArgumentException\",\"message\":\"EncryptionType NONE is not "
        "supported: the only encryption type is KMS.\"}");
    answer_fails(l, "StartStreamEncryption", START("alias/b"),
                 "{\"__type\":\"KMSNotFoundException\",\"message\":\"Alias "
                 "arn:aws:kms:us-east-1:000000000000:alias/b is not found.\"}");
    answer_empty(l, "StopStreamEncryption", START("alias/b")); /* it is stopped */
    answer_fails(
        l, "StartStreamEncryption", START("arn:aws:kms:us-east-1:222222222222:alias/a"),
        "{\"__type\":\"KMSAccessDeniedException\",\"message\":\"The account 000000000000 is not "
        "authorized to perform: kms:GenerateDataKey on resource: "
        "arn:aws:kms:us-east-1:222222222222:alias/a\"}");
    static const char *const both[] = {"StartStreamEncryption", "StopStreamEncryption"};
    for (int i = 0; i < 2; i++) {
        answer_fails(l, both[i],
                     "{\"StreamName\":\"t\",\"EncryptionType\":\"KMS\",\"KeyId\":\"alias/a\"}",
                     "{\"__type\":\"ResourceNotFoundException\",\"message\":\"Stream t under "
                     "account 000000000000 not found.\"}");
        char *denied = call_text(l, both[i],
                                 "{\"StreamARN\":\"arn:aws:kinesis:us-east-1:222222222222:stream/"
                                 "s\",\"EncryptionType\":\"KMS\",\"KeyId\":\"alias/a\"}",
                                 NULL);
        assert_non_null(strstr(denied, "AccessDeniedException"));
        mem_free(denied);
    }
    answer_empty(l, "StartStreamEncryption", START("alias/a"));
    answer_fails(l, "StopStreamEncryption", START("alias/b"),
                 "{\"__type\":\"InvalidArgumentException\",\"message\":\"Stream s under account "
                 "000000000000 is not encrypted under the key alias/b.\"}");
}

static void changes_are_limited_and_a_key_that_is_disabled_starts_nothing(void **state)
{
    struct subject *s = *state;
    struct loopback *l = &s->loopback;
    for (int i = 0; i < ENCRYPTION_CHANGES_MAX; i++) {
        answer_empty(l, "StartStreamEncryption", START("alias/a"));
        answer_empty(l, "StopStreamEncryption", START("alias/a"));
    }
#define LIMITED(what)                                                                              \
    "{\"__type\":\"LimitExceededException\",\"message\":\"" what                                   \
    " can take effect 25 times in a rolling 24-hour period for stream s under account "            \
    "000000000000.\"}"
    answer_fails(l, "StartStreamEncryption", START("alias/a"), LIMITED("StartStreamEncryption"));
    clock_manual_advance_ms(&l->clock, 24 * 3600 * 1000);
    answer_empty(l, "StartStreamEncryption", START("alias/a"));
    clock_manual_advance_ms(&l->clock, 1000);
    for (int i = 0; i < ENCRYPTION_CHANGES_MAX; i++) {
        answer_empty(l, "StopStreamEncryption", START("alias/a"));
        if (i + 1 < ENCRYPTION_CHANGES_MAX)
            answer_empty(l, "StartStreamEncryption", START("alias/a"));
    }
    key_file_set(&s->file, KEY_A " alias/a disabled " BITS_1);
    answer_fails(l, "StartStreamEncryption", START("alias/a"),
                 "{\"__type\":\"KMSDisabledException\",\"message\":\"arn:aws:kms:us-east-1:"
                 "000000000000:key/" KEY_A " is disabled.\"}");
    key_file_set(&s->file, ONE_KEY);
    clock_manual_advance_ms(&l->clock, 24 * 3600 * 1000 - 1000);
    answer_empty(l, "StartStreamEncryption", START("alias/a"));
    answer_fails(l, "StopStreamEncryption", START("alias/a"), LIMITED("StopStreamEncryption"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(plain_and_encrypted_records_are_read_in_order_also_after_a_restart),
        TEST(a_put_that_meets_a_seal_is_sealed_anew_for_the_child),
        TEST(a_key_that_is_away_refuses_puts_and_reads),
        TEST(a_new_version_wraps_anew_and_the_old_one_may_go),
        TEST(a_start_wraps_anew_what_was_rotated_while_the_server_was_down),
        cmocka_unit_test_setup_teardown(
            a_stream_dwells_in_updating_and_comes_out_of_it_after_a_restart, setup_slow, teardown),
        TEST(what_cannot_be_is_refused),
        TEST(changes_are_limited_and_a_key_that_is_disabled_starts_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
