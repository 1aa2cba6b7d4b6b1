/* process_fixture.h: a chain of a configuration, and batches through it. */
#ifndef SLUICE_TESTS_UNIT_DELIVERY_PROCESS_FIXTURE_H
#define SLUICE_TESTS_UNIT_DELIVERY_PROCESS_FIXTURE_H

#include "base/limits.h"
#include "base/mem.h"
#include "delivery/process_internal.h"
#include "support/delivery_config.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

#define CHAIN_S3                                                                                   \
    "\"RoleARN\":\"r\",\"BucketARN\":\"arn:aws:s3:::b\",\"ErrorOutputPrefix\":\"e/\","             \
    "\"BufferingHints\":{\"SizeInMBs\":64,\"IntervalInSeconds\":60}"
/* An S3 destination with these processors. */
#define CHAIN(processors)                                                                          \
    "{\"DeliveryStreamName\":\"d\",\"ExtendedS3DestinationConfiguration\":{" CHAIN_S3              \
    ",\"ProcessingConfiguration\":{\"Enabled\":true,\"Processors\":[" processors "]}}}"
#define PROCESSOR(type, parameters) "{\"Type\":\"" type "\",\"Parameters\":[" parameters "]}"
#define PARAMETER(name, value)      "{\"ParameterName\":\"" name "\",\"ParameterValue\":\"" value "\"}"

struct chain {
    struct loop *loop;
    struct web *web;
    struct delivery *delivery;
    struct delivery_view *view;
    struct process *process;
    struct process_settings settings;
};

static unsigned batches_under_way;
static struct loop *batches_loop;

/* Fill in more of `settings` before. */
static inline void chain_open(struct chain *c, const char *config, bool kinesis)
{
    struct fault f = {0};
    assert_int_equal(loop_new(&c->loop, &clock_system, &f), OK);
    assert_int_equal(web_new(&(struct web_settings){.loop = c->loop, .ca_file = ""}, &c->web, &f),
                     OK);
    c->view = delivery_view_of(config, 1, kinesis);
    c->delivery = delivery_new(delivery_view_ref(c->view));
    c->settings.view = c->view;
    c->settings.delivery = c->delivery;
    c->settings.loop = c->loop;
    c->settings.web = c->web;
    c->settings.clock = &clock_system;
    c->settings.seed = 1;
    if (process_new(&c->settings, &c->process, &f) != OK)
        fail_msg("%s", f.text);
    batches_loop = c->loop;
}

static inline void chain_close(struct chain *c)
{
    if (!c->loop)
        return;
    process_free(c->process);
    web_free(c->web);
    delivery_unref(c->delivery);
    delivery_view_unref(c->view);
    loop_free(c->loop);
    *c = (struct chain){0};
}

static inline void batch_done(struct process_batch *b)
{
    (void)b;
    if (--batches_under_way == 0)
        loop_stop(batches_loop);
}

static inline void batch_begin(struct chain *c, struct process_batch *b,
                               const struct process_record *records, uint32_t count)
{
    *b = (struct process_batch){.records = records, .count = count, .done = batch_done};
    batches_under_way++;
    process_run(c->process, b);
}

/* Until all that was begun is done. */
static inline void batches_wait(struct chain *c)
{
    if (batches_under_way > 0)
        loop_run(c->loop);
}

static inline void batch_free(struct process_batch *b)
{
    arena_fini(&b->arena);
}

/* One record through; free the batch. */
static inline void chain_run(struct chain *c, struct process_batch *b, struct bytes data)
{
    static struct process_record record;
    record = (struct process_record){.offset = 41, .time_ms = 1700000000123, .data = data};
    batch_begin(c, b, &record, 1);
    batches_wait(c);
    assert_int_equal(b->status, OK);
}

static inline void assert_text(struct bytes data, const char *text)
{
    if (!bytes_equal(data, bytes_text(text)))
        fail_msg("'%.*s', not '%s'", BYTES_ARGS(data), text);
}

static inline bool holds_text(struct bytes data, const char *text)
{
    return memmem(data.at, data.len, text, strlen(text)) != NULL;
}

#endif
