/* transform_fixture.h: a chain with a Lambda processor, records for it, and a far side that answers as Lambda does. */
#ifndef SLUICE_TESTS_UNIT_DELIVERY_TRANSFORM_FIXTURE_H
#define SLUICE_TESTS_UNIT_DELIVERY_TRANSFORM_FIXTURE_H

#include "unit/delivery/process_fixture.h"

#include "delivery/transform.h"
#include "support/far_side.h"
#include "wire/base64.h"
#include "wire/model/processing.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define ARN          "arn:aws:lambda:eu-west-1:000000000000:function:f"
#define LAMBDA(more) CHAIN(PROCESSOR("Lambda", PARAMETER("LambdaArn", ARN) more))
#define ONE_RETRY    "," PARAMETER("NumberOfRetries", "1")
#define NO_RETRY     "," PARAMETER("NumberOfRetries", "0")

enum { RECORDS = 20 };

static struct far_side far;
static struct transforms *transforms;
static struct process_record records[RECORDS];
static char texts[RECORDS][32];
static struct chain chain;

/* Sees the request as a far side does; answers with what `each` says of the n-th record. */
static inline void answer_each(struct far_request *r,
                               void (*each)(unsigned n, const char *id, const char *data,
                                            struct buf *out))
{
    struct buf out;
    buf_init(&out, MIB(8));
    buf_append_text(&out, "{\"records\":[");
    char *body = mem_must(r->body.len + 1), *at = body;
    memcpy(body, r->body.at, r->body.len);
    for (unsigned n = 0; (at = strstr(at, "\"recordId\":\"")) != NULL; n++) {
        char id[TRANSFORM_ID_BYTES];
        snprintf(id, sizeof(id), "%.30s", at + 12);
        char *data = strstr(at, "\"data\":\"") + 8;
        at = strchr(data, '"');
        *at++ = '\0';
        each(n, id, data, &out);
    }
    mem_free(body);
    if (out.at[out.len - 1] == ',')
        out.len--;
    buf_append(&out, bytes_of("]}", 3));
    far_answer(r, 200, "application/json", (const char *)out.at);
    buf_fini(&out);
}

static inline void as_it_is(unsigned n, const char *id, const char *data, struct buf *out)
{
    (void)n;
    buf_printf(out, "{\"recordId\":\"%s\",\"result\":\"Ok\",\"data\":\"%s\"},", id, data);
}

static inline enum far_next hang(struct far_request *r)
{
    (void)r;
    return FAR_HANG;
}

static inline int set_up(void **state)
{
    (void)state;
    far_init(&far);
    for (unsigned i = 0; i < RECORDS; i++) {
        snprintf(texts[i], sizeof(texts[i]), "record-%u", i);
        records[i] = (struct process_record){
            .offset = 100 + i, .time_ms = 1700000000000 + i, .data = bytes_text(texts[i])};
    }
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    chain_close(&chain);
    transforms_close(transforms);
    transforms = NULL;
    far_close(&far);
    return 0;
}

static inline enum status open_file(const char *text, struct fault *f)
{
    char path[] = "/tmp/sluice-transforms-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    enum status st = transforms_open(path, "", &transforms, f);
    unlink(path);
    return st;
}

static inline void begin(const char *config)
{
    chain.settings.transforms = transforms;
    chain_open(&chain, config, false);
}

static inline void begin_http(enum far_next (*handle)(struct far_request *), const char *config)
{
    char text[512];
    struct fault f;
    far.handle = handle;
    far_open(&far);
    snprintf(text, sizeof(text), "{\"f\":{\"url\":\"%s\"}}", far_url(&far, "/f"));
    assert_int_equal(open_file(text, &f), OK);
    begin(config);
}

static inline void run_all(struct process_batch *b)
{
    batch_begin(&chain, b, records, RECORDS);
    batches_wait(&chain);
    assert_int_equal(b->status, OK);
}

static inline void assert_all_failed(const struct process_batch *b, const char *code,
                                     unsigned attempts)
{
    char text[64];
    snprintf(text, sizeof(text), "{\"attemptsMade\":%u,", attempts);
    assert_int_equal(b->result_count, RECORDS);
    for (unsigned i = 0; i < RECORDS; i++) {
        assert_int_equal(b->results[i].channel, OUTPUT_ERROR);
        if (!holds_text(b->results[i].data, code) || !holds_text(b->results[i].data, text) ||
            !holds_text(b->results[i].data, "\"lambdaArn\":\"" ARN "\""))
            fail_msg("%.*s", BYTES_ARGS(b->results[i].data));
    }
}

#define RUN(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
