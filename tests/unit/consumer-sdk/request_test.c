/* request_test.c: what is sent, what is refused before, and how calls are ended. */
#include "base/limits.h"
#include "base/mem.h"
#include "consumer-sdk/call.h"
#include "consumer-sdk/request.h"
#include "unit/consumer-sdk/call_fixture.h"

static const struct scripted good[] = {{200, FAR_KEEP, NULL, STORED}};
static const struct scripted silent[] = {{.then = FAR_HANG}};

/* ---- what is sent ---- */

static void the_request_is_as_aws_has_it(void **state)
{
    (void)state;
    sluice_client *c = GIVEN(good, .session_token = "the-token", .region = "eu-west-1");
    assert_int_equal(put_once(c), SLUICE_OK);
    lock_take(&far.lock);
    assert_string_equal(latest_body,
                        "{\"StreamName\":\"s\",\"Data\":\"ZA==\",\"PartitionKey\":\"k\"}");
    lock_drop(&far.lock);
    assert_true(saw("POST / HTTP/1.1\r\n"));
    assert_true(saw("X-Amz-Target: Kinesis_20131202.PutRecord\r\n"));
    assert_true(saw("Content-Type: application/x-amz-json-1.1\r\n"));
    assert_true(saw("X-Amz-Security-Token: the-token\r\n"));
    assert_true(saw("/eu-west-1/kinesis/aws4_request, SignedHeaders=content-type;"
                    "host;x-amz-date;x-amz-security-token;x-amz-target, "));
    done_with(c);
}

static void headers_of_the_callers_are_signed(void **state)
{
    (void)state;
    sluice_client *c = GIVEN(good);
    const char *const headers[] = {"X-Sluice-Producer:  p;1;2 "};
    const struct sluice_call_options o = {.size = sizeof(o), .headers = headers, .header_count = 1};
    assert_int_equal(sluice_call(c, &sluice_kinesis_put_record_operation, &a_put, sizeof(a_put), &o,
                                 NULL, &error),
                     SLUICE_OK);
    assert_true(saw("X-Sluice-Producer: p;1;2\r\n"));
    assert_true(saw("x-amz-target;x-sluice-producer, "));
    done_with(c);
}

/* ---- from where it lies ---- */

enum { ENTRIES = 4, ENTRY_BYTES = 20000 };

/* Each record is a view of the same bytes. */
static struct sluice_kinesis_put_records_input
records_of(struct sluice_kinesis_put_records_request_entry *entries, uint32_t count,
           const uint8_t *data, size_t len)
{
    for (uint32_t i = 0; i < count; i++)
        entries[i] = (struct sluice_kinesis_put_records_request_entry){
            .data = sluice_view(data, len), .partition_key = sluice_text("a key")};
    return (struct sluice_kinesis_put_records_input){
        .records = {.count = count, .present = true, .at = entries},
        .stream_name = sluice_text("s")};
}

static enum sluice_status make(struct request *r, sluice_client *c, bool corked,
                               const struct sluice_kinesis_put_records_input *in)
{
    if (corked)
        calls_cork(c);
    enum sluice_status st =
        request_init(r, c, &sluice_kinesis_put_records_operation, in, sizeof(*in), NULL, &error);
    if (corked)
        calls_uncork(c);
    return st;
}

static void a_corked_body_is_the_same_in_pieces(void **state)
{
    (void)state;
    sluice_client *c = GIVEN(good, .codec = SLUICE_CBOR);
    struct sluice_kinesis_put_records_request_entry entries[ENTRIES];
    uint8_t *data = mem_must(ENTRY_BYTES), *joined;
    struct request whole, pieces;
    for (size_t i = 0; i < ENTRY_BYTES; i++)
        data[i] = (uint8_t)(i * 7);
    struct sluice_kinesis_put_records_input in = records_of(entries, ENTRIES, data, ENTRY_BYTES);
    assert_int_equal(make(&whole, c, false, &in), SLUICE_OK);
    assert_int_equal(make(&pieces, c, true, &in), SLUICE_OK);
    assert_int_equal(whole.sent.count, 1);
    assert_int_equal(pieces.sent.count, 2 * ENTRIES + 1);
    for (unsigned i = 0; i < ENTRIES; i++)
        assert_ptr_equal(pieces.sent.pieces[2 * i + 1].at, data);
    size_t len = rope_len(pieces.sent);
    joined = mem_must(len);
    rope_copy(pieces.sent, 0, joined, len);
    assert_true(bytes_equal(bytes_of(joined, len), whole.one));
    request_digest_pair(&whole, &pieces);
    assert_memory_equal(pieces.body_sha256, whole.body_sha256, SHA256_BYTES);
    mem_free(joined);
    request_fini(&pieces);
    request_fini(&whole);
    in = records_of(entries, 3, data, ENTRY_BYTES); /* libcurl sends that together with the head */
    assert_int_equal(make(&pieces, c, true, &in), SLUICE_OK);
    assert_int_equal(pieces.sent.count, 1);
    request_fini(&pieces);
    mem_free(data);
    done_with(c);
}

static void a_body_in_pieces_has_the_same_ceiling(void **state)
{
    (void)state;
    sluice_client *c = GIVEN(good, .codec = SLUICE_CBOR);
    struct sluice_kinesis_put_records_request_entry entries[ENTRIES];
    size_t len = MIB(9);
    uint8_t *data = mem_must(len);
    const struct sluice_kinesis_put_records_input in = records_of(entries, ENTRIES, data, len);
    for (unsigned corked = 0; corked < 2; corked++) {
        struct request r;
        assert_int_equal(make(&r, c, corked, &in), SLUICE_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, "the request is over"));
        request_fini(&r);
    }
    mem_free(data);
    done_with(c);
}

/* ---- what is not ---- */

static void headers_that_are_none_are_refused(void **state)
{
    (void)state;
    sluice_client *c = GIVEN(good);
    static const char *const bad[] = {"no colon", ": nameless", "Two: lines\r\nX: y", "a b: c"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct sluice_call_options o = {
            .size = sizeof(o), .headers = &bad[i], .header_count = 1};
        assert_int_equal(sluice_call(c, &sluice_kinesis_put_record_operation, &a_put, sizeof(a_put),
                                     &o, NULL, &error),
                         SLUICE_INVALID_ARGUMENT);
    }
    assert_int_equal(far_requests(&far), 0);
    done_with(c);
}

static void text_that_is_not_utf8_is_refused(void **state)
{
    (void)state;
    sluice_client *c = GIVEN(good);
    struct sluice_kinesis_put_record_input in = a_put;
    in.partition_key = sluice_text("a\xff");
    assert_int_equal(sluice_kinesis_put_record(c, &in, NULL, NULL, &error),
                     SLUICE_INVALID_ARGUMENT);
    assert_string_equal(error.message, "a text is not UTF-8");
    in.partition_key = a_put.partition_key;
    in.data = sluice_text("a\xff");
    assert_int_equal(sluice_kinesis_put_record(c, &in, NULL, NULL, &error), SLUICE_OK);
    done_with(c);
}

static void structs_of_other_versions_are_understood(void **state)
{
    (void)state;
    sluice_client *c = GIVEN(good);
    struct {
        struct sluice_kinesis_put_record_input known;
        struct sluice_bytes later;
    } longer = {.known = a_put};
    size_t shorter = offsetof(struct sluice_kinesis_put_record_input, explicit_hash_key);
    const struct sluice_operation *put = &sluice_kinesis_put_record_operation;
    assert_int_equal(sluice_call(c, put, &longer, sizeof(longer), NULL, NULL, &error), SLUICE_OK);
    longer.later = sluice_text("set");
    assert_int_equal(sluice_call(c, put, &longer, sizeof(longer), NULL, NULL, &error),
                     SLUICE_INVALID_ARGUMENT);
    uint8_t *only = mem_must(shorter); /* what lies behind it is not read */
    memcpy(only, &a_put, shorter);
    assert_int_equal(sluice_call(c, put, only, shorter, NULL, NULL, &error), SLUICE_OK);
    mem_free(only);
    done_with(c);
}

/* ---- ends ---- */

struct ended {
    unsigned times;
    struct sluice_error error;
    sluice_client *client;
    enum sluice_status inner, turned;
};

static void note(void *context, const void *output, sluice_reply *reply,
                 const struct sluice_error *e)
{
    struct ended *n = context;
    n->times++;
    n->error = *e;
    assert_int_equal(output != NULL, e->status == SLUICE_OK);
    if (n->client != NULL) {
        n->inner = put_once(n->client);
        n->turned = sluice_client_turn(n->client, 0);
    }
    sluice_reply_free(reply);
}

static void a_cancelled_call_ends_in_a_later_turn(void **state)
{
    (void)state;
    struct ended n = {0};
    sluice_call_handle *handle;
    sluice_client *c = GIVEN(silent);
    assert_int_equal(sluice_kinesis_put_record_start(c, &a_put, NULL, note, &n, &handle, &error),
                     SLUICE_OK);
    far_wait_requests(&far, 0);
    assert_int_equal(sluice_client_calls(c), 1);
    sluice_call_cancel(handle);
    sluice_call_cancel(handle); /* it is valid until it has ended */
    assert_int_equal(n.times, 0);
    while (n.times == 0)
        assert_int_equal(sluice_client_turn(c, -1), SLUICE_OK);
    assert_int_equal(n.error.status, SLUICE_CANCELLED);
    assert_int_equal(sluice_client_calls(c), 0);
    assert_int_equal(sluice_client_timeout(c), -1);
    done_with(c);
    assert_int_equal(n.times, 1);
}

static void start_another(void *context, const void *output, sluice_reply *reply,
                          const struct sluice_error *e)
{
    struct ended *n = context;
    (void)output;
    n->times++;
    n->error = *e;
    sluice_reply_free(reply);
    n->inner = sluice_kinesis_put_record_start(n->client, &a_put, NULL, note, n, NULL, NULL);
}

static void a_client_that_is_freed_ends_its_calls(void **state)
{
    (void)state;
    struct ended n[3] = {0};
    sluice_client *c = GIVEN(silent);
    n[2].client = c;
    for (int i = 0; i < 3; i++)
        assert_int_equal(sluice_kinesis_put_record_start(
                             c, &a_put, NULL, i < 2 ? note : start_another, &n[i], NULL, &error),
                         SLUICE_OK);
    while (far_requests(&far) < 3) /* all are on their way */
        assert_int_equal(sluice_client_turn(c, 10), SLUICE_OK);
    done_with(c);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(n[i].times, 1);
        assert_int_equal(n[i].error.status, SLUICE_CANCELLED);
    }
    assert_int_equal(n[2].inner, SLUICE_STATE);
}

static void a_completion_may_start_but_not_wait(void **state)
{
    (void)state;
    sluice_client *c = GIVEN(good);
    struct ended n = {.client = c};
    assert_int_equal(sluice_kinesis_put_record_start(c, &a_put, NULL, note, &n, NULL, &error),
                     SLUICE_OK);
    while (n.times == 0)
        assert_int_equal(sluice_client_turn(c, -1), SLUICE_OK);
    assert_int_equal(n.error.status, SLUICE_OK);
    assert_int_equal(n.inner, SLUICE_STATE);
    assert_int_equal(n.turned, SLUICE_STATE);
    done_with(c);
}

static void calls_beyond_the_connections_wait_in_order(void **state)
{
    (void)state;
    enum { CALLS = 20 };
    struct ended n[CALLS] = {0};
    sluice_client *c = GIVEN(good, .connections_max = 2);
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(
            sluice_kinesis_put_record_start(c, &a_put, NULL, note, &n[i], NULL, &error), SLUICE_OK);
    while (sluice_client_calls(c) > 0)
        assert_int_equal(sluice_client_turn(c, -1), SLUICE_OK);
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(n[i].error.status, SLUICE_OK);
    assert_true(far_connections(&far) <= 2);
    done_with(c);
}

static void a_reply_outlives_its_client(void **state)
{
    (void)state;
    sluice_reply *reply;
    const struct sluice_kinesis_put_record_output *out;
    sluice_client *c = GIVEN(good);
    assert_int_equal(sluice_kinesis_put_record(c, &a_put, &reply, &out, &error), SLUICE_OK);
    done_with(c);
    assert_int_equal(out->sequence_number.len, 2);
    assert_ptr_equal(sluice_reply_output(reply), out);
    sluice_reply_free(reply);
}

static void *wake_it(void *client)
{
    sluice_client_wake(client);
    return NULL;
}

static void another_thread_wakes_a_turn(void **state)
{
    (void)state;
    sluice_client *c = GIVEN(good);
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, wake_it, c), 0);
    assert_int_equal(sluice_client_turn(c, -1), SLUICE_OK); /* or it would wait for ever */
    pthread_join(other, NULL);
    done_with(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_is_as_aws_has_it),
        cmocka_unit_test(headers_of_the_callers_are_signed),
        cmocka_unit_test(a_corked_body_is_the_same_in_pieces),
        cmocka_unit_test(a_body_in_pieces_has_the_same_ceiling),
        cmocka_unit_test(headers_that_are_none_are_refused),
        cmocka_unit_test(text_that_is_not_utf8_is_refused),
        cmocka_unit_test(structs_of_other_versions_are_understood),
        cmocka_unit_test(a_cancelled_call_ends_in_a_later_turn),
        cmocka_unit_test(a_client_that_is_freed_ends_its_calls),
        cmocka_unit_test(a_completion_may_start_but_not_wait),
        cmocka_unit_test(calls_beyond_the_connections_wait_in_order),
        cmocka_unit_test(a_reply_outlives_its_client),
        cmocka_unit_test(another_thread_wakes_a_turn),
    };
    far_prepare_process();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
