/* fetch_saw.h: a fetch's sink that remembers what came. Included once, by the test itself. */
#ifndef SLUICE_TESTS_UNIT_CONSUMER_SDK_FETCH_SAW_H
#define SLUICE_TESTS_UNIT_CONSUMER_SDK_FETCH_SAW_H

#include "consumer-sdk/fetch.h"
#include "consumer-sdk/fetched.h"
#include "unit/base/cmocka_all.h"

static struct {
    unsigned batches, notices;
    uint64_t records; /* as they were stored */
    bool ended, failed;
    enum fetch_trouble trouble;
    enum sluice_status status; /* of the trouble */
} saw;

static void saw_batch(struct fetch *f, struct fetched *b)
{
    (void)f;
    saw.batches++;
    saw.records += b->stored_count;
    fetched_free(b);
}

static void saw_end(struct fetch *f)
{
    (void)f;
    saw.ended = true;
}

static void saw_failure(struct fetch *f, enum fetch_trouble trouble,
                        const struct sluice_error *error)
{
    (void)f;
    assert_non_null(error);
    saw.failed = true;
    saw.trouble = trouble;
    saw.status = error->status;
}

static void saw_notice(struct fetch *f, const char *text)
{
    (void)f;
    (void)text;
    saw.notices++;
}

static const struct fetch_sink saw_sink = {saw_batch, saw_end, saw_failure, saw_notice};

#endif
