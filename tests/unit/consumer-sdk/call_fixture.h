/* call_fixture.h: a client, and a service that answers by a script. */
#ifndef SLUICE_TESTS_UNIT_CONSUMER_SDK_CALL_FIXTURE_H
#define SLUICE_TESTS_UNIT_CONSUMER_SDK_CALL_FIXTURE_H

#include "consumer-sdk/client.h"
#include "support/far_side.h"
#include "unit/base/cmocka_all.h"

#include <sluice/kinesis.h>
#include <stdio.h>
#include <stdlib.h>

/* What the service does at one request; the last of a script does for all later ones. */
struct scripted {
    int code;           /* 0: no answer, but... */
    enum far_next then; /* ...this */
    const char *headers, *body;
};

static struct far_side far;
static const struct scripted *script;
static unsigned script_len;
static struct sluice_error error;
/* Of the latest request; under far.lock. */
static char latest_head[4096], latest_body[512];

static enum far_next play(struct far_request *r)
{
    unsigned at = r->number < script_len ? r->number : script_len - 1;
    const struct scripted *s = &script[at];
    lock_take(&far.lock);
    snprintf(latest_head, sizeof(latest_head), "%s", r->head);
    snprintf(latest_body, sizeof(latest_body), "%.*s", BYTES_ARGS(r->body));
    lock_drop(&far.lock);
    if (s->code == 0)
        return s->then;
    const char *body = s->body != NULL ? s->body : "";
    far_printf(r, "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\nx-amzn-RequestId: the-id\r\n\r\n%s",
               s->code, s->headers != NULL ? s->headers : "", strlen(body), body);
    return s->then;
}

/* Whether the latest request's head has that text in it. */
static inline bool saw(const char *text)
{
    lock_take(&far.lock);
    bool found = strstr(latest_head, text) != NULL;
    lock_drop(&far.lock);
    return found;
}

static inline const char *nothing_is_set(const char *name)
{
    (void)name;
    return NULL;
}
static profile_variable_fn *variable = nothing_is_set;

static inline sluice_client *given(const struct scripted *steps, unsigned count,
                                   struct sluice_client_options o)
{
    sluice_client *c;
    script = steps;
    script_len = count;
    far_init(&far);
    far.handle = play;
    far_open(&far);
    o.size = sizeof(o);
    o.endpoint = far_url(&far, "");
    if (variable == nothing_is_set) {
        o.access_key_id = "AKIDEXAMPLE";
        o.secret_access_key = "secret";
    }
    if (o.backoff_ms == 0)
        o.backoff_ms = 1;
    assert_int_equal(client_new(&o, variable, &c, &error), SLUICE_OK);
    return c;
}
#define GIVEN(steps, ...)                                                                          \
    given(steps, sizeof(steps) / sizeof((steps)[0]), (struct sluice_client_options){__VA_ARGS__})

static inline void done_with(sluice_client *c)
{
    sluice_client_free(c);
    far_close(&far);
    variable = nothing_is_set;
}

static const struct sluice_kinesis_put_record_input a_put = {
    .stream_name = {(const uint8_t *)"s", 1},
    .partition_key = {(const uint8_t *)"k", 1},
    .data = {(const uint8_t *)"d", 1}};
#define STORED "{\"ShardId\":\"shardId-000000000000\",\"SequenceNumber\":\"49\"}"

static inline enum sluice_status put_once(sluice_client *c)
{
    sluice_reply *reply;
    const struct sluice_kinesis_put_record_output *out;
    enum sluice_status st = sluice_kinesis_put_record(c, &a_put, &reply, &out, &error);
    assert_int_equal(error.status, st);
    if (st == SLUICE_OK) {
        assert_string_equal(sluice_reply_request_id(reply), "the-id");
        assert_int_equal(out->shard_id.len, 20);
    } else {
        assert_null(out);
    }
    sluice_reply_free(reply);
    return st;
}

#endif
