/* given.h: what the SDK's tests against a real server have in common: the server, a client, a stream. */
#ifndef SLUICE_TESTS_CONSUMER_SDK_GIVEN_H
#define SLUICE_TESTS_CONSUMER_SDK_GIVEN_H

#include "support/served.h"
#include "unit/base/cmocka_all.h"

#include <sluice/kinesis.h>

static struct served served;

/* What reaches the server, with what is wanted otherwise. */
static inline struct sluice_client_options options_with(struct sluice_client_options o)
{
    o.size = sizeof(o);
    o.endpoint = o.endpoint != NULL ? o.endpoint : served.endpoint;
    o.region = "us-east-1";
    o.access_key_id = "AKIDEXAMPLE";
    o.secret_access_key = "secret";
    return o;
}

static inline sluice_client *client_with(struct sluice_client_options wanted)
{
    sluice_client *c = NULL;
    struct sluice_error e = {0};
    const struct sluice_client_options o = options_with(wanted);
    enum sluice_status st = sluice_client_new(&o, &c, &e);
    if (st != SLUICE_OK)
        fail_msg("%s: %s", sluice_status_name(st), e.message);
    return c;
}

static inline void must_be_ok(enum sluice_status st, const struct sluice_error *e)
{
    if (st != SLUICE_OK)
        fail_msg("%s %d %s: %s", sluice_status_name(st), e->http_status, e->type, e->message);
}

static inline bool is_text(struct sluice_bytes bytes, const char *text)
{
    return bytes.len == strlen(text) && memcmp(bytes.at, text, bytes.len) == 0;
}

static inline void wait_until_active(sluice_client *c, const char *name)
{
    struct sluice_error e = {0};
    const struct sluice_kinesis_describe_stream_summary_input ask = {.stream_name =
                                                                         sluice_text(name)};
    for (bool active = false; !active;) {
        sluice_reply *reply;
        const struct sluice_kinesis_describe_stream_summary_output *out;
        must_be_ok(sluice_kinesis_describe_stream_summary(c, &ask, &reply, &out, &e), &e);
        active = is_text(out->stream_description_summary->stream_status,
                         SLUICE_KINESIS_STREAM_STATUS_ACTIVE);
        sluice_reply_free(reply);
    }
}

/* Made, and active. */
static inline void make_stream(sluice_client *c, const char *name, int64_t shards)
{
    struct sluice_error e = {0};
    const struct sluice_kinesis_create_stream_input in = {.stream_name = sluice_text(name),
                                                          .shard_count = sluice_int(shards)};
    must_be_ok(sluice_kinesis_create_stream(c, &in, NULL, &e), &e);
    wait_until_active(c, name);
}

static inline void put(sluice_client *c, const char *stream, const char *key, const char *data)
{
    struct sluice_error e = {0};
    sluice_reply *reply;
    const struct sluice_kinesis_put_record_output *out;
    const struct sluice_kinesis_put_record_input in = {.stream_name = sluice_text(stream),
                                                       .partition_key = sluice_text(key),
                                                       .data = sluice_text(data)};
    must_be_ok(sluice_kinesis_put_record(c, &in, &reply, &out, &e), &e);
    assert_true(out->sequence_number.len > 40);
    assert_true(strlen(sluice_reply_request_id(reply)) > 30);
    sluice_reply_free(reply);
}

static inline int start(void **state)
{
    (void)state;
    served_start(&served);
    return 0;
}

static inline int stop(void **state)
{
    (void)state;
    served_stop(&served);
    return 0;
}

#endif
