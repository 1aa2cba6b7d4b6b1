/* fetch_push_test.c: subscriptions as a shard's source, which end as the test says. */
/* link: -Wl,--wrap=sluice_subscribe -Wl,--wrap=sluice_subscription_cancel -Wl,--wrap=sluice_subscription_pause */
#include "consumer-sdk/fetch_push.h"

#include "consumer-sdk/error.h"
#include "unit/base/cmocka_all.h"
#include "unit/consumer-sdk/fetch_saw.h"

#include <stdio.h>

/* ---- the service ---- */

static struct {
    struct clock_manual clock;
    struct random chance;
    struct fetch_setting setting;
    struct fetch *fetch;
    const struct sluice_subscription_events *events;
    void *context;
    unsigned subscribed, cancelled;
} t;

enum sluice_status __wrap_sluice_subscribe(
    sluice_client *client, const struct sluice_kinesis_subscribe_to_shard_input *input,
    size_t input_size, const struct sluice_subscription_events *events, void *context,
    sluice_subscription **subscription, struct sluice_error *error);
void __wrap_sluice_subscription_cancel(sluice_subscription *subscription);
void __wrap_sluice_subscription_pause(sluice_subscription *subscription, bool paused);

enum sluice_status __wrap_sluice_subscribe(
    sluice_client *client, const struct sluice_kinesis_subscribe_to_shard_input *input,
    size_t input_size, const struct sluice_subscription_events *events, void *context,
    sluice_subscription **subscription, struct sluice_error *error)
{
    (void)client;
    (void)input;
    (void)input_size;
    (void)error;
    assert_null(t.events); /* one at a time */
    t.subscribed++;
    t.events = events;
    t.context = context;
    *subscription = (sluice_subscription *)&t;
    return SLUICE_OK;
}

void __wrap_sluice_subscription_cancel(sluice_subscription *subscription)
{
    assert_ptr_equal(subscription, &t);
    t.cancelled++;
}

void __wrap_sluice_subscription_pause(sluice_subscription *subscription, bool paused)
{
    (void)subscription;
    (void)paused;
}

static void end_with(const struct sluice_error *error)
{
    const struct sluice_subscription_events *events = t.events;
    t.events = NULL;
    events->end(t.context, error);
}

/* It ends with that; then so much time passes that the next try is due. */
static void broken(enum sluice_status status, int http_status, const char *type)
{
    struct sluice_error e;
    error_set(&e, status, "it broke");
    e.http_status = http_status;
    snprintf(e.type, sizeof(e.type), "%s", type);
    end_with(&e);
    clock_manual_advance_ms(&t.clock, 2001);
    if (!saw.failed)
        fetch_step(t.fetch, clock_mono_us(&t.clock.clock));
}

static void an_event(void)
{
    const struct sluice_kinesis_subscribe_to_shard_event event = {.continuation_sequence_number =
                                                                      sluice_text("7")};
    t.events->event(t.context, &event);
}

/* ---- the fetch ---- */

static void begin(bool push_only)
{
    const struct fetch_from from = {.place = FETCH_HORIZON};
    memset(&t, 0, sizeof(t));
    memset(&saw, 0, sizeof(saw));
    clock_manual_init(&t.clock, 1000);
    random_seed(&t.chance, 1);
    t.setting = (struct fetch_setting){.clock = &t.clock.clock,
                                       .random = &t.chance,
                                       .stream_arn = "arn",
                                       .consumer_arn = "arn/consumer",
                                       .push_only = push_only};
    t.fetch = fetch_push_open(&t.setting, "shardId-000000000000", &from);
    assert_non_null(t.fetch);
    t.fetch->sink = &saw_sink;
    t.fetch->wanted = true;
    fetch_step(t.fetch, clock_mono_us(&t.clock.clock));
    assert_int_equal(t.subscribed, 1);
}

static void finish(void)
{
    fetch_close(t.fetch);
    if (t.events) {
        struct sluice_error e;
        assert_int_equal(t.cancelled, 1);
        error_set(&e, SLUICE_CANCELLED, "cancelled");
        end_with(&e);
    }
}

/* ---- tests ---- */

static void a_service_that_is_away_is_waited_for(void **state)
{
    (void)state;
    for (int only = 0; only < 2; only++) {
        begin(only);
        broken(SLUICE_TRANSPORT, 200, ""); /* it was killed */
        for (unsigned i = 0; i < 50; i++)
            broken(SLUICE_TRANSPORT, 0, "");
        assert_false(saw.failed);
        assert_int_equal(t.subscribed, 52);
        assert_int_equal(saw.notices, 1); /* said once */
        an_event();
        assert_int_equal(saw.batches, 1);
        finish();
    }
}

static void five_answers_in_a_row_without_an_event_are_no_push(void **state)
{
    (void)state;
    begin(false);
    for (unsigned i = 0; i < 4; i++)
        broken(SLUICE_TRANSPORT, 200, "");
    an_event(); /* from here */
    for (unsigned i = 0; i < 4; i++) {
        broken(SLUICE_TRANSPORT, 200, "");
        broken(SLUICE_TRANSPORT, 0, "");
    }
    assert_false(saw.failed);
    broken(SLUICE_SERVICE, 500, "InternalFailure");
    assert_true(saw.failed);
    assert_int_equal(saw.trouble, FETCH_NO_PUSH);
    finish();
}

static void where_polling_will_not_do_what_passes_is_waited_for(void **state)
{
    (void)state;
    begin(true);
    for (unsigned i = 0; i < 20; i++)
        broken(SLUICE_SERVICE, 500, "InternalFailure");
    assert_false(saw.failed);
    finish();
}

static void a_refusal_is_no_push_at_once(void **state)
{
    (void)state;
    for (int only = 0; only < 2; only++) {
        begin(only);
        broken(SLUICE_SERVICE, 400, "ResourceNotFoundException");
        assert_true(saw.failed);
        assert_int_equal(saw.trouble, FETCH_NO_PUSH);
        assert_int_equal(saw.status, SLUICE_SERVICE);
        finish();
    }
}

static void a_subscription_that_is_taken_is_waited_for(void **state)
{
    (void)state;
    begin(false);
    for (unsigned i = 0; i < 20; i++)
        broken(SLUICE_SERVICE, 400, "ResourceInUseException");
    assert_false(saw.failed);
    assert_int_equal(t.subscribed, 21);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_that_is_away_is_waited_for),
        cmocka_unit_test(five_answers_in_a_row_without_an_event_are_no_push),
        cmocka_unit_test(where_polling_will_not_do_what_passes_is_waited_for),
        cmocka_unit_test(a_refusal_is_no_push_at_once),
        cmocka_unit_test(a_subscription_that_is_taken_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
