/* producer_test.c: the producer against a real server: every record stored and completed once, whatever its mode. */
#include "consumer-sdk/producer_fixture.h"
#include "support/thread_cpu.h"

#include <poll.h>
#include <pthread.h>

enum { KEYS = 40 };

static void put_all(sluice_producer *p, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        assert_int_equal(put_one(p, i, KEYS, 100), SLUICE_OK);
}

static void produce(const char *stream, struct sluice_producer_options o, unsigned count)
{
    stream_of(stream, 4);
    expect(count);
    sluice_producer *p = producer_open(o, stream);
    put_all(p, 0, count);
    assert_int_equal(sluice_producer_flush(p, 60000), SLUICE_OK);
    all_were_delivered_once(count);
    struct sluice_producer_metrics m = {.size = sizeof(m)};
    sluice_producer_metrics(p, &m);
    assert_int_equal(m.records_put, count);
    assert_int_equal(m.records_stored, count);
    assert_int_equal(m.records_failed, 0);
    assert_int_equal(m.memory, 0);
    assert_true(o.aggregate ? m.kinesis_records < count / 4 : m.kinesis_records == count);
    assert_int_equal(sluice_producer_close(p, 60000), SLUICE_OK);
    struct reading r = read_all(stream, count, KEYS, o.ordered, 1);
    assert_int_equal(r.kinesis_records, m.kinesis_records);
    assert_int_equal(r.dropped, 0);
    assert_true(o.aggregate ? r.aggregated > 0 : r.aggregated == 0);
}

static void records_are_stored_by_a_thread_of_its_own(void **state)
{
    (void)state;
    produce("plain-thread", (struct sluice_producer_options){.run_thread = true}, 5000);
}

static void records_are_stored_by_the_callers_turns(void **state)
{
    (void)state;
    produce("plain", (struct sluice_producer_options){0}, 5000);
}

static void aggregated_records_are_stored_once_each(void **state)
{
    (void)state;
    produce("aggregated", (struct sluice_producer_options){.aggregate = true, .run_thread = true},
            20000);
    produce("aggregated-cbor",
            (struct sluice_producer_options){.aggregate = true, .client.codec = SLUICE_CBOR},
            20000);
}

/* Bodies in pieces, several on a connection. */
static void aggregated_records_are_stored_over_http2(void **state)
{
    (void)state;
    produce("aggregated-h2",
            (struct sluice_producer_options){.aggregate = true,
                                             .client.endpoint = served.tls_endpoint,
                                             .client.ca_file = served.ca_file,
                                             .client.http = SLUICE_HTTP_2,
                                             .client.codec = SLUICE_CBOR},
            20000);
}

static void ordered_records_lie_in_the_order_of_their_puts(void **state)
{
    (void)state;
    produce("ordered", (struct sluice_producer_options){.ordered = true, .run_thread = true}, 500);
    produce(
        "ordered-aggregated",
        (struct sluice_producer_options){.ordered = true, .aggregate = true, .run_thread = true},
        20000);
}

static void idempotent_records_are_stored(void **state)
{
    (void)state;
    produce(
        "idempotent",
        (struct sluice_producer_options){.idempotent = true, .aggregate = true, .run_thread = true},
        5000);
}

static void records_leave_at_once_without_linger(void **state)
{
    (void)state;
    stream_of("no-linger", 1);
    expect(3);
    sluice_producer *p = producer_open(
        (struct sluice_producer_options){.no_linger = true, .run_thread = true}, "no-linger");
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(put_one(p, i, KEYS, 10), SLUICE_OK);
        while (!expected[i].completions) /* spins for one call */
            sched_yield();
    }
    assert_int_equal(sluice_producer_close(p, 60000), SLUICE_OK);
    all_were_delivered_once(3);
}

/* A loop of the caller's own: only poll, and a turn when there is something. */
static void a_callers_loop_can_drive_it(void **state)
{
    (void)state;
    stream_of("poll", 2);
    expect(100);
    sluice_producer *p = producer_open((struct sluice_producer_options){.aggregate = true}, "poll");
    put_all(p, 0, 100);
    for (struct sluice_producer_metrics m = {.size = sizeof(m)}; m.records_stored < 100;) {
        struct pollfd fd = {.fd = sluice_producer_fd(p), .events = POLLIN};
        poll(&fd, 1, sluice_producer_timeout(p));
        assert_int_equal(sluice_producer_turn(p, 0), SLUICE_OK);
        sluice_producer_metrics(p, &m);
    }
    all_were_delivered_once(100);
    assert_int_equal(sluice_producer_close(p, 0), SLUICE_OK);
}

static void memory_stays_within_its_bound(void **state)
{
    (void)state;
    enum { COUNT = 20000, MEMORY = 512 * 1024 };
    stream_of("bounded", 2);
    for (int aggregate = 0; aggregate < 2; aggregate++) {
        expect(COUNT);
        sluice_producer *p = producer_open((struct sluice_producer_options){.memory_max = MEMORY,
                                                                            .aggregate = aggregate,
                                                                            .run_thread = true},
                                           "bounded");
        uint64_t most = 0;
        for (unsigned i = 0; i < COUNT; i++) {
            struct sluice_producer_metrics m = {.size = sizeof(m)};
            assert_int_equal(put_one(p, i, KEYS, 500), SLUICE_OK);
            sluice_producer_metrics(p, &m);
            most = m.memory > most ? m.memory : most;
        }
        assert_true(most <= MEMORY);
        assert_true(most > MEMORY / 2); /* it was reached: the test tests */
        assert_int_equal(sluice_producer_close(p, 60000), SLUICE_OK);
        all_were_delivered_once(COUNT);
    }
}

static _Atomic unsigned rooms;
static void room_came(void *context)
{
    (void)context;
    rooms++;
}

static void a_full_producer_says_so_and_when_there_is_room_again(void **state)
{
    (void)state;
    stream_of("full", 1);
    expect(100000);
    rooms = 0;
    sluice_producer *p = producer_open(
        (struct sluice_producer_options){
            .memory_max = 256 * 1024, .when_full = SLUICE_FULL_FAILS, .room = room_came},
        "full");
    unsigned count = 0;
    enum sluice_status st;
    while ((st = put_one(p, count, KEYS, 1000)) == SLUICE_OK)
        count++;
    assert_int_equal(st, SLUICE_FULL);
    assert_true(count > 100);
    assert_int_equal(rooms, 0);
    while (!rooms)
        assert_int_equal(sluice_producer_turn(p, 1000), SLUICE_OK);
    assert_int_equal(put_one(p, count, KEYS, 1000), SLUICE_OK);
    count++;
    assert_int_equal(sluice_producer_close(p, 60000), SLUICE_OK);
    all_were_delivered_once(count);
}

static void bad_records_are_refused_at_once(void **state)
{
    (void)state;
    char key[1200];
    memset(key, 'k', sizeof(key));
    sluice_producer *p = producer_open((struct sluice_producer_options){0}, "nowhere");
    static uint8_t data[16];
    const struct sluice_record cases[] = {
        {.data = sluice_view(data, 1)},
        {.data = sluice_view(data, 1), .partition_key = sluice_view(key, 257)},
        {.data = sluice_view(data, 1), .partition_key = sluice_view("\xff", 1)},
        {.data = sluice_view(data, (size_t)11 << 20), .partition_key = sluice_view(key, 1)},
        {.data = sluice_view(data, 1),
         .partition_key = sluice_view(key, 1),
         .explicit_hash_key = sluice_text("340282366920938463463374607431768211456")},
        {.data = sluice_view(data, 1),
         .partition_key = sluice_view(key, 1),
         .explicit_hash_key = sluice_text("007")},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sluice_error e = {0};
        assert_int_equal(sluice_producer_put(p, &cases[i], &e), SLUICE_INVALID_ARGUMENT);
        assert_true(e.message[0]);
    }
    assert_int_equal(sluice_producer_close(p, 0), SLUICE_OK);
}

static void without_a_stream_records_fail_with_the_services_word(void **state)
{
    (void)state;
    expect(10);
    sluice_producer *p =
        producer_open((struct sluice_producer_options){.run_thread = true}, "nowhere");
    put_all(p, 0, 10);
    assert_int_equal(sluice_producer_flush(p, 60000), SLUICE_OK);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(expected[i].completions, 1);
        assert_int_equal(expected[i].status, SLUICE_SERVICE);
    }
    assert_int_equal(sluice_producer_close(p, 60000), SLUICE_OK);
}

/* ---- threads ---- */

enum { PUTTERS = 4, EACH = 5000 };
struct putter {
    sluice_producer *producer;
    unsigned from;
};

static void *putter_run(void *arg)
{
    const struct putter *u = arg;
    for (unsigned i = u->from; i < u->from + EACH; i++)
        must(put_one(u->producer, i, KEYS, 200) == SLUICE_OK);
    must(sluice_producer_flush(u->producer, 60000) == SLUICE_OK);
    for (unsigned i = u->from; i < u->from + EACH; i++)
        must(expected[i].completions == 1);
    return NULL;
}

static void many_threads_put_and_flush(struct sluice_producer_options o, const char *stream)
{
    pthread_t threads[PUTTERS];
    struct putter putters[PUTTERS];
    stream_of(stream, 4);
    expect(PUTTERS * EACH);
    sluice_producer *p = producer_open(o, stream);
    for (unsigned i = 0; i < PUTTERS; i++) {
        putters[i] = (struct putter){p, i * EACH};
        assert_int_equal(pthread_create(&threads[i], NULL, putter_run, &putters[i]), 0);
    }
    for (unsigned i = 0; i < PUTTERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(sluice_producer_close(p, 60000), SLUICE_OK);
    all_were_delivered_once(PUTTERS * EACH);
    read_all(stream, PUTTERS * EACH, KEYS, false, 1);
}

static void threads_put_at_once(void **state)
{
    (void)state;
    struct sluice_producer_options o = {
        .aggregate = true, .run_thread = true, .memory_max = 256 * 1024};
    many_threads_put_and_flush(o, "threads");
    o.run_thread = false; /* each turns in its turn */
    many_threads_put_and_flush(o, "threads-turning");
}

static void close_completes_what_it_cannot_send(void **state)
{
    (void)state;
    stream_of("closing", 1);
    expect(1000);
    sluice_producer *p = producer_open(
        (struct sluice_producer_options){.run_thread = true, .aggregate = true}, "closing");
    served_kill(&served);
    put_all(p, 0, 1000);
    assert_int_equal(sluice_producer_flush(p, 50), SLUICE_TIMED_OUT);
    assert_int_equal(sluice_producer_close(p, 50), SLUICE_TIMED_OUT);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(expected[i].completions, 1);
        assert_int_equal(expected[i].status, SLUICE_CANCELLED);
    }
    served_restart(&served);
}

static void records_have_no_more_time_than_they_were_given(void **state)
{
    (void)state;
    stream_of("late", 1);
    expect(10);
    sluice_producer *p = producer_open(
        (struct sluice_producer_options){.run_thread = true, .record_timeout_ms = 300}, "late");
    served_kill(&served);
    put_all(p, 0, 10);
    assert_int_equal(sluice_producer_flush(p, 60000), SLUICE_OK);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(expected[i].completions, 1);
        assert_int_equal(expected[i].status, SLUICE_TIMED_OUT);
    }
    assert_int_equal(sluice_producer_close(p, 50), SLUICE_OK);
    served_restart(&served);
}

/* Without a thread of its own, the one that puts works; while there is nothing to work on, it waits in the kernel. */
static void who_waits_for_room_takes_no_processor(void **state)
{
    enum { COUNT = 600, RECORD_MS = 1000 };
    (void)state;
    stream_of("waiting", 1);
    expect(COUNT);
    sluice_producer *p = producer_open(
        (struct sluice_producer_options){.memory_max = 256 * 1024, .record_timeout_ms = RECORD_MS},
        "waiting");
    served_kill(&served);
    uint64_t begin_us = clock_mono_us(&clock_system), begin_cpu_us = thread_cpu_us();
    for (unsigned i = 0; i < COUNT; i++) /* more than there is room for, until some are given up */
        assert_int_equal(put_one(p, i, KEYS, 1000), SLUICE_OK);
    uint64_t took_us = clock_mono_us(&clock_system) - begin_us;
    assert_true(took_us > RECORD_MS * 500);
    assert_true(thread_cpu_us() - begin_cpu_us < took_us / 3);
    (void)sluice_producer_close(p, 0);
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(expected[i].completions, 1);
    served_restart(&served);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_stored_by_a_thread_of_its_own),
        cmocka_unit_test(records_are_stored_by_the_callers_turns),
        cmocka_unit_test(aggregated_records_are_stored_once_each),
        cmocka_unit_test(aggregated_records_are_stored_over_http2),
        cmocka_unit_test(ordered_records_lie_in_the_order_of_their_puts),
        cmocka_unit_test(idempotent_records_are_stored),
        cmocka_unit_test(records_leave_at_once_without_linger),
        cmocka_unit_test(a_callers_loop_can_drive_it),
        cmocka_unit_test(memory_stays_within_its_bound),
        cmocka_unit_test(a_full_producer_says_so_and_when_there_is_room_again),
        cmocka_unit_test(bad_records_are_refused_at_once),
        cmocka_unit_test(without_a_stream_records_fail_with_the_services_word),
        cmocka_unit_test(threads_put_at_once),
        cmocka_unit_test(close_completes_what_it_cannot_send),
        cmocka_unit_test(records_have_no_more_time_than_they_were_given),
        cmocka_unit_test(who_waits_for_room_takes_no_processor),
    };
    return cmocka_run_group_tests(tests, start, stop_and_forget);
}
