/* client_test.c: the SDK's client against a real server. */
#include "consumer-sdk/given.h"

#include <dirent.h>
#include <poll.h>
#include <sluice/firehose.h>
#include <sluice/service.h>
#include <stdio.h>
#include <sys/stat.h>

/* The text of the first record of the only shard. */
static void expect_first(sluice_client *c, const char *stream, const char *data)
{
    struct sluice_error e = {0};
    sluice_reply *reply, *records;
    const struct sluice_kinesis_get_shard_iterator_output *out;
    const struct sluice_kinesis_get_records_output *got;
    const struct sluice_kinesis_get_shard_iterator_input in = {
        .stream_name = sluice_text(stream),
        .shard_id = sluice_text("shardId-000000000000"),
        .shard_iterator_type = sluice_text(SLUICE_KINESIS_SHARD_ITERATOR_TYPE_TRIM_HORIZON)};
    must_be_ok(sluice_kinesis_get_shard_iterator(c, &in, &reply, &out, &e), &e);
    const struct sluice_kinesis_get_records_input read = {.shard_iterator = out->shard_iterator};
    must_be_ok(sluice_kinesis_get_records(c, &read, &records, &got, &e), &e);
    assert_int_equal(got->records.count, 1);
    assert_int_equal(got->records.at[0].data.len, strlen(data));
    assert_memory_equal(got->records.at[0].data.at, data, strlen(data));
    assert_true(got->records.at[0].approximate_arrival_timestamp.value > 1700000000000);
    sluice_reply_free(reply);
    sluice_reply_free(records);
}

static void round_trip(struct sluice_client_options o, const char *stream)
{
    sluice_client *c = client_with(o);
    make_stream(c, stream, 1);
    put(c, stream, "key", "some data \x01\xff");
    expect_first(c, stream, "some data \x01\xff");
    assert_int_equal(sluice_client_calls(c), 0);
    sluice_client_free(c);
}

static void a_record_put_is_read_in_json(void **state)
{
    (void)state;
    round_trip((struct sluice_client_options){.codec = SLUICE_JSON}, "json");
}

static void a_record_put_is_read_in_cbor(void **state)
{
    (void)state;
    round_trip((struct sluice_client_options){.codec = SLUICE_CBOR}, "cbor");
}

static void a_record_put_is_read_over_tls(void **state)
{
    (void)state;
    round_trip(
        (struct sluice_client_options){.endpoint = served.tls_endpoint, .ca_file = served.ca_file},
        "tls");
}

static void a_record_put_is_read_over_http2(void **state)
{
    (void)state;
    round_trip((struct sluice_client_options){.http = SLUICE_HTTP_2}, "h2c");
    round_trip((struct sluice_client_options){.endpoint = served.tls_endpoint,
                                              .ca_file = served.ca_file,
                                              .http = SLUICE_HTTP_2},
               "h2");
}

static void the_services_errors_come_with_their_names(void **state)
{
    (void)state;
    for (enum sluice_codec codec = SLUICE_JSON; codec <= SLUICE_CBOR; codec++) {
        sluice_client *c = client_with((struct sluice_client_options){.codec = codec});
        struct sluice_error e = {0};
        sluice_reply *reply;
        const struct sluice_kinesis_list_shards_output *out;
        const struct sluice_kinesis_list_shards_input in = {.stream_name = sluice_text("nowhere")};
        assert_int_equal(sluice_kinesis_list_shards(c, &in, &reply, &out, &e), SLUICE_SERVICE);
        assert_string_equal(e.type, "ResourceNotFoundException");
        assert_string_equal(e.message, "Stream nowhere under account 000000000000 not found.");
        assert_int_equal(e.http_status, 400);
        assert_int_equal(e.attempts, 1);
        assert_false(e.retryable);
        assert_true(strlen(e.request_id) > 30);
        assert_null(reply);
        assert_null(out);
        sluice_client_free(c);
    }
}

static void broken_bounds_are_told_before_anything_is_sent(void **state)
{
    (void)state;
    sluice_client *c =
        client_with((struct sluice_client_options){.endpoint = "http://127.0.0.1:1"});
    struct sluice_error e = {0};
    const struct sluice_kinesis_put_record_input in = {.stream_name = sluice_text("a b"),
                                                       .data = sluice_text("x")};
    assert_int_equal(sluice_kinesis_put_record(c, &in, NULL, NULL, &e), SLUICE_INVALID_ARGUMENT);
    assert_string_equal(
        e.message, "2 validation errors detected: Value 'a b' at 'streamName' failed to satisfy "
                   "constraint: Member must satisfy regular expression pattern: "
                   "[a-zA-Z0-9_.-]+; Value null at 'partitionKey' failed to satisfy "
                   "constraint: Member must not be null");
    assert_int_equal(e.attempts, 0);
    sluice_client_free(c);
}

static void firehose_and_our_own_operations_answer(void **state)
{
    (void)state;
    sluice_client *c = client_with((struct sluice_client_options){.codec = SLUICE_CBOR});
    struct sluice_error e = {0};
    sluice_reply *reply;
    const struct sluice_firehose_list_delivery_streams_output *out;
    const struct sluice_firehose_list_delivery_streams_input in = {.limit = sluice_int(5)};
    must_be_ok(sluice_firehose_list_delivery_streams(c, &in, &reply, &out, &e), &e);
    assert_int_equal(out->delivery_stream_names.count, 0);
    assert_true(out->has_more_delivery_streams.present);
    sluice_reply_free(reply);
    const struct sluice_service_flush_delivery_stream_input flush = {.delivery_stream_name =
                                                                         sluice_text("none")};
    assert_int_equal(sluice_service_flush_delivery_stream(c, &flush, NULL, &e), SLUICE_SERVICE);
    assert_string_equal(e.type, "ResourceNotFoundException");
    sluice_client_free(c);
}

/* ---- driven by a loop of the caller's ---- */

struct counted {
    unsigned done, failed;
};

static void count(void *context, const void *output, sluice_reply *reply,
                  const struct sluice_error *error)
{
    struct counted *n = context;
    n->done++;
    n->failed += error->status != SLUICE_OK || output == NULL;
    sluice_reply_free(reply);
}

/* How many sockets the process has. */
static unsigned sockets(void)
{
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        struct stat is;
        count += fstatat(dirfd(folder), entry->d_name, &is, 0) == 0 && S_ISSOCK(is.st_mode);
    }
    closedir(folder);
    return count;
}

/* They use at most so many connections. */
static void many_calls_at_once(struct sluice_client_options o, const char *stream,
                               unsigned connections)
{
    enum { CALLS = 200 };
    unsigned first = sockets();
    sluice_client *c = client_with(o);
    unsigned before = sockets(); /* libcurl has a pair to wake itself */
    make_stream(c, stream, 2);
    struct counted n = {0};
    struct sluice_error e = {0};
    for (unsigned i = 0; i < CALLS; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%u", i);
        const struct sluice_kinesis_put_record_input in = {.stream_name = sluice_text(stream),
                                                           .partition_key = sluice_text(key),
                                                           .data = sluice_text("data")};
        must_be_ok(sluice_kinesis_put_record_start(c, &in, NULL, count, &n, NULL, &e), &e);
    }
    assert_int_equal(sluice_client_calls(c), CALLS);
    assert_int_equal(n.done, 0); /* C3 */
    while (n.done < CALLS) {
        struct pollfd p = {.fd = sluice_client_fd(c), .events = POLLIN};
        assert_true(poll(&p, 1, sluice_client_timeout(c)) >= 0);
        assert_int_equal(sluice_client_turn(c, 0), SLUICE_OK);
    }
    assert_int_equal(n.failed, 0);
    assert_int_equal(sluice_client_calls(c), 0);
    assert_in_range(sockets() - before, 1, connections);
    sluice_client_free(c);
    assert_int_equal(sockets(), first);
}

static void a_callers_loop_drives_many_calls(void **state)
{
    (void)state;
    many_calls_at_once((struct sluice_client_options){.connections_max = 8}, "many", 8);
}

static void calls_share_a_connection_over_http2(void **state)
{
    (void)state;
    many_calls_at_once((struct sluice_client_options){.endpoint = served.tls_endpoint,
                                                      .ca_file = served.ca_file,
                                                      .http = SLUICE_HTTP_2},
                       "many2", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_put_is_read_in_json),
        cmocka_unit_test(a_record_put_is_read_in_cbor),
        cmocka_unit_test(a_record_put_is_read_over_tls),
        cmocka_unit_test(a_record_put_is_read_over_http2),
        cmocka_unit_test(the_services_errors_come_with_their_names),
        cmocka_unit_test(broken_bounds_are_told_before_anything_is_sent),
        cmocka_unit_test(firehose_and_our_own_operations_answer),
        cmocka_unit_test(a_callers_loop_drives_many_calls),
        cmocka_unit_test(calls_share_a_connection_over_http2),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
