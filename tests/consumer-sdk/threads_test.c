/* threads_test.c: clients in threads know nothing of each other (C1); one is handed on from thread to thread; any thread wakes it. */
#include "consumer-sdk/given.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { THREADS = 4, PUTS = 50, AT_ONCE = 10 };

struct worker {
    pthread_t thread;
    unsigned number, done, failed;
    bool tls;
};

static void count(void *context, const void *output, sluice_reply *reply,
                  const struct sluice_error *error)
{
    struct worker *w = context;
    w->done++;
    w->failed += error->status != SLUICE_OK || output == NULL;
    sluice_reply_free(reply);
}

static void start_puts(sluice_client *c, struct worker *w, unsigned puts)
{
    struct sluice_error e;
    char key[32];
    for (unsigned i = 0; i < puts; i++) {
        snprintf(key, sizeof(key), "%u-%u", w->number, i);
        const struct sluice_kinesis_put_record_input in = {.stream_name = sluice_text("threads"),
                                                           .partition_key = sluice_text(key),
                                                           .data = sluice_text(key)};
        if (sluice_kinesis_put_record_start(c, &in, NULL, count, w, NULL, &e) != SLUICE_OK)
            w->failed++;
    }
}

/* Asserts nothing: cmocka's assertions are for the test's own thread. */
static void *work(void *arg)
{
    struct worker *w = arg;
    sluice_client *c;
    const struct sluice_client_options o = {.size = sizeof(o),
                                            .endpoint =
                                                w->tls ? served.tls_endpoint : served.endpoint,
                                            .ca_file = w->tls ? served.ca_file : NULL,
                                            .http = w->tls ? SLUICE_HTTP_2 : SLUICE_HTTP_1_1,
                                            .access_key_id = "AKIDEXAMPLE",
                                            .secret_access_key = "secret"};
    if (sluice_client_new(&o, &c, NULL) != SLUICE_OK) {
        w->failed++;
        return NULL;
    }
    for (unsigned done = 0; done < PUTS; done += AT_ONCE) {
        start_puts(c, w, AT_ONCE);
        while (sluice_client_calls(c) > 0)
            (void)sluice_client_turn(c, -1);
    }
    sluice_client_free(c);
    return NULL;
}

static void a_client_a_thread(void **state)
{
    (void)state;
    struct worker workers[THREADS] = {0};
    sluice_client *c = client_with((struct sluice_client_options){0});
    make_stream(c, "threads", 4);
    sluice_client_free(c);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].number = i;
        workers[i].tls = i % 2 == 1;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].failed, 0);
        assert_int_equal(workers[i].done, PUTS);
    }
}

struct handed {
    sluice_client *client;
    struct worker worker;
    _Atomic bool stop;
};

static void *turn_it(void *arg)
{
    struct handed *h = arg;
    while (sluice_client_calls(h->client) > 0)
        (void)sluice_client_turn(h->client, -1);
    return NULL;
}

static void *wake_it(void *arg)
{
    struct handed *h = arg;
    while (!atomic_load(&h->stop))
        sluice_client_wake(h->client);
    return NULL;
}

static void one_client_from_thread_to_thread(void **state)
{
    (void)state;
    struct handed h = {.client = client_with((struct sluice_client_options){0})};
    pthread_t waker, turner;
    assert_int_equal(pthread_create(&waker, NULL, wake_it, &h), 0);
    for (unsigned i = 0; i < 3; i++) {
        start_puts(h.client, &h.worker, AT_ONCE);
        assert_int_equal(pthread_create(&turner, NULL, turn_it, &h), 0);
        assert_int_equal(pthread_join(turner, NULL), 0);
        assert_int_equal(h.worker.done, (i + 1) * AT_ONCE);
    }
    assert_int_equal(h.worker.failed, 0);
    atomic_store(&h.stop, true);
    assert_int_equal(pthread_join(waker, NULL), 0);
    sluice_client_free(h.client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_a_thread),
        cmocka_unit_test(one_client_from_thread_to_thread),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
