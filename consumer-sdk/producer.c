/* producer.c: a producer as its user sees it: its birth, puts, waits and end.
 *
 * Left to others: what goes when (dispatch.c), calls (producer_calls.c), the thread that works (producer_turn.c).
 * Thread: any. */
#include "base/clock.h"
#include "base/digest.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "consumer-sdk/error.h"
#include "consumer-sdk/producer_internal.h"

#include <signal.h>

enum {
    MEMORY_MAX = 64 * 1024 * 1024,
    LINGER_MS = 10,
    BATCH_BYTES_MAX = 1024 * 1024,
    CALLS_MAX = 16,
    TIMEOUT_MS = 120000,
    AGGREGATE_BYTES_MAX = 50 * 1024,
    AGGREGATE_BYTES_MOST = 1024 * 1024 - 1, /* with its key, what a stream takes by default */
    MAP_MS = 60000,
    RESERVE_PART = 8, /* of memory_max, left free by puts for packing */
    WAKE_BYTES = 256 * 1024,
    HEADER_BYTES_MAX = 16 * 1024
};

void sluice_producer_options_init(struct sluice_producer_options *options)
{
    *options = (struct sluice_producer_options){.size = sizeof(*options)};
    sluice_client_options_init(&options->client);
}

/* ---- birth ---- */

static void number_or(unsigned *number, unsigned otherwise, unsigned most)
{
    *number = !*number ? otherwise : *number < most ? *number : most;
}

static void size_or(size_t *size, size_t otherwise, size_t most)
{
    *size = !*size ? otherwise : *size < most ? *size : most;
}

static enum sluice_status take_options(const struct sluice_producer_options *from,
                                       struct sluice_producer_options *o,
                                       struct sluice_error *error)
{
    sluice_producer_options_init(o);
    if (!from || from->size < offsetof(struct sluice_producer_options, memory_max))
        return error_set(error, SLUICE_INVALID_ARGUMENT,
                         "options begin with sluice_producer_options_init, and name a stream");
    memcpy(o, from, from->size < sizeof(*o) ? from->size : sizeof(*o));
    if (!o->stream || !*o->stream)
        return error_set(error, SLUICE_INVALID_ARGUMENT, "a producer needs the name of a stream");
    size_or(&o->memory_max, MEMORY_MAX, SIZE_MAX / 2);
    number_or(&o->linger_ms, LINGER_MS, INT32_MAX);
    if (o->no_linger)
        o->linger_ms = 0;
    number_or(&o->batch_records_max, PUT_RECORDS_MAX, PUT_RECORDS_MAX);
    size_or(&o->batch_bytes_max, BATCH_BYTES_MAX, PUT_BYTES_MAX);
    number_or(&o->calls_max, CALLS_MAX, UINT32_MAX);
    number_or(&o->record_timeout_ms, TIMEOUT_MS, INT32_MAX);
    size_or(&o->aggregate_bytes_max, AGGREGATE_BYTES_MAX, AGGREGATE_BYTES_MOST);
    number_or(&o->shard_map_ms, MAP_MS, INT32_MAX);
    number_or(&o->client.timeout_ms, TIMEOUT_MS, INT32_MAX);
    if (!o->client.connections_max)
        o->client.connections_max = o->calls_max + 1;
    return SLUICE_OK;
}

static void init_parts(struct sluice_producer *p)
{
    const struct sluice_producer_options *o = &p->options;
    const struct dispatch_options d = {
        .batch_bytes_max = o->batch_bytes_max,
        .aggregate_bytes_max = o->aggregate ? o->aggregate_bytes_max : 0,
        .batch_records_max = o->batch_records_max,
        .calls_max = o->calls_max,
        .linger_us = o->linger_ms * 1000ull,
        .timeout_us = o->record_timeout_ms * 1000ull,
        .map_age_us = o->shard_map_ms * 1000ull,
        .ordered = o->ordered,
        .idempotent = o->idempotent,
        .seed = clock_mono_us(&clock_system),
        .delivered = o->delivered,
        .context = o->context,
    };
    uint8_t id[16];
    random_bytes(id, sizeof(id));
    hex_print(bytes_of(id, sizeof(id)), p->id);
    size_t eighth = o->memory_max / RESERVE_PART;
    p->wake_bytes = o->no_linger ? 1 : eighth < WAKE_BYTES ? eighth : WAKE_BYTES;
    p->by_arn = strncmp(o->stream, "arn:", 4) == 0;
    intake_init(&p->intake, o->memory_max, o->aggregate ? eighth : 0);
    signal_init(&p->room);
    signal_init(&p->turned);
    buf_init(&p->header, HEADER_BYTES_MAX);
    dispatch_init(&p->dispatch, &d, &p->intake);
    p->turning = o->run_thread; /* from the beginning: nobody else ever turns it */
    p->asleep = true;
    p->planned_us = DISPATCH_NEVER;
}

static void free_producer(struct sluice_producer *p)
{
    sluice_client_free(p->client);
    dispatch_fini(&p->dispatch);
    signal_fini(&p->room);
    signal_fini(&p->turned);
    intake_fini(&p->intake);
    buf_fini(&p->header);
    mem_free(p->entries);
    mem_free(p->stream);
    mem_free(p);
}

static bool producer_stopped(struct sluice_producer *p)
{
    lock_take(&p->intake.mu);
    bool stopped = p->stopped;
    lock_drop(&p->intake.mu);
    return stopped;
}

static void *run(void *arg)
{
    struct sluice_producer *p = arg;
    lock_take(&p->intake.mu);
    p->turner = pthread_self();
    lock_drop(&p->intake.mu);
    while (!producer_stopped(p))
        producer_turn(p, -1);
    lock_take(&p->intake.mu);
    p->turning = false;
    signal_all(&p->turned);
    lock_drop(&p->intake.mu);
    return NULL;
}

/* Signals go to the program's own threads. */
static enum sluice_status start_thread(struct sluice_producer *p, struct sluice_error *error)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&p->thread, NULL, run, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? error_set(error, SLUICE_NO_MEMORY, "the system has no thread for it")
                  : SLUICE_OK;
}

enum sluice_status sluice_producer_new(const struct sluice_producer_options *options,
                                       sluice_producer **producer, struct sluice_error *error)
{
    *producer = NULL;
    struct sluice_producer_options o;
    enum sluice_status st = take_options(options, &o, error);
    if (st != SLUICE_OK)
        return st;
    size_t stream_bytes = strlen(o.stream) + 1;
    struct sluice_producer *p = mem_try(sizeof(*p));
    if (!p)
        return error_set(error, SLUICE_NO_MEMORY, "no memory for a producer");
    *p = (struct sluice_producer){.options = o};
    init_parts(p);
    p->stream = mem_try(stream_bytes);
    p->entries = mem_try(o.batch_records_max * sizeof(*p->entries));
    if (!p->stream || !p->entries)
        st = error_set(error, SLUICE_NO_MEMORY, "no memory for a producer");
    else
        memcpy(p->stream, o.stream, stream_bytes);
    if (st == SLUICE_OK)
        st = sluice_client_new(&o.client, &p->client, error);
    if (st == SLUICE_OK && o.run_thread)
        st = start_thread(p, error);
    if (st != SLUICE_OK) {
        free_producer(p);
        return st;
    }
    *producer = p;
    return SLUICE_OK;
}

/* ---- put ---- */

static bool is_hash_key(struct bytes text)
{
    u128 key;
    return u128_parse(text, &key) && (text.len == 1 || text.at[0] != '0');
}

static size_t characters(struct bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += (text.at[i] & 0xc0) != 0x80;
    return count;
}

static enum sluice_status check_record(const struct sluice_record *r, struct sluice_error *error)
{
    struct bytes key = bytes_from(r->partition_key);
    if (!key.len || key.len > PARTITION_KEY_BYTES_MAX || !utf8_valid(key) ||
        (key.len > PARTITION_KEY_CHARS_MAX && characters(key) > PARTITION_KEY_CHARS_MAX))
        return error_set(error, SLUICE_INVALID_ARGUMENT,
                         "a partition key has 1 to 256 characters of UTF-8");
    if (r->data.len + key.len > PUT_BYTES_MAX)
        return error_set(error, SLUICE_INVALID_ARGUMENT, "a record has at most 10 MiB");
    if (r->explicit_hash_key.at && !is_hash_key(bytes_from(r->explicit_hash_key)))
        return error_set(error, SLUICE_INVALID_ARGUMENT,
                         "an explicit hash key is a decimal number below 2^128");
    return SLUICE_OK;
}

/* Under mu, which it lets go of while it waits. */
static void wait_for_room(struct sluice_producer *p)
{
    p->flush_order = p->intake.order; /* what lingers does so no longer: its room is wanted */
    if (p->turning) {
        if (producer_must_wake(p))
            sluice_client_wake(p->client);
        signal_wait_ms(&p->room, &p->intake.mu, 100); /* or until a turn by others is over */
        return;
    }
    p->turning = true;
    p->turner = pthread_self();
    lock_drop(&p->intake.mu);
    producer_turn(p, -1);
    lock_take(&p->intake.mu);
    p->turning = false;
    signal_all(&p->turned);
}

/* Under mu. */
static enum sluice_status try_put(struct sluice_producer *p, const struct parcel *record,
                                  struct sluice_error *error)
{
    if (p->closing)
        return error_set(error, SLUICE_STATE, "the producer is closing");
    switch (intake_put(&p->intake, record)) {
    case OK:
        p->bytes_put += parcel_size(record);
        return SLUICE_OK;
    case THROTTLED:
        return SLUICE_FULL;
    case TOO_LARGE:
        return error_set(error, SLUICE_INVALID_ARGUMENT,
                         "the record is larger than memory_max allows");
    default:
        return error_set(error, SLUICE_NO_MEMORY, "no memory for a record");
    }
}

static bool looks_too_late(const struct sluice_producer *p)
{
    return p->asleep && (p->intake.waiting >= p->wake_bytes ||
                         p->intake.first_us + p->dispatch.options.linger_us < p->planned_us);
}

enum sluice_status sluice_producer_put(sluice_producer *p, const struct sluice_record *record,
                                       struct sluice_error *error)
{
    enum sluice_status st = check_record(record, error);
    if (st != SLUICE_OK)
        return st;
    struct parcel one = {
        .partition_key = bytes_from(record->partition_key),
        .explicit_hash_key = bytes_from(record->explicit_hash_key),
        .data = record->data.at ? bytes_from(record->data) : BYTES_LITERAL(""),
        .put_us = clock_mono_us(&clock_system),
        .context = record->context,
    };
    bool wake = false;
    lock_take(&p->intake.mu);
    p->inside++;
    while ((st = try_put(p, &one, error)) == SLUICE_FULL &&
           p->options.when_full == SLUICE_FULL_BLOCKS && !producer_is_turner(p))
        wait_for_room(p);
    if (st == SLUICE_OK) {
        wake = looks_too_late(p) && producer_must_wake(p);
    } else if (st == SLUICE_FULL) {
        error_set(error, SLUICE_FULL, "memory_max is reached");
        p->room_wanted = true;
        p->flush_order = p->intake.order;
        wake = producer_must_wake(p);
    }
    if (wake) /* before `inside` says that nobody is here */
        sluice_client_wake(p->client);
    if (--p->inside == 0 && p->closing)
        signal_all(&p->turned);
    lock_drop(&p->intake.mu);
    return st;
}

/* ---- waits ---- */

/* Under mu: lets somebody turn for a while. */
static void let_turn(struct sluice_producer *p, uint64_t wait_ms)
{
    if (p->turning) {
        signal_wait_ms(&p->turned, &p->intake.mu, wait_ms);
        return;
    }
    p->turning = true;
    p->turner = pthread_self();
    lock_drop(&p->intake.mu);
    producer_turn(p, (int)wait_ms);
    lock_take(&p->intake.mu);
    p->turning = false;
    signal_all(&p->turned);
}

/* Under mu: every put up to `order` has its completion. */
static bool done(const struct sluice_producer *p, uint64_t order)
{
    return !order || (p->known_order >= order && p->done_order > order);
}

/* Under mu: until every put up to `order` has its completion, or the deadline. */
static enum sluice_status wait_for(struct sluice_producer *p, uint64_t order, uint64_t deadline_us)
{
    while (!done(p, order)) {
        uint64_t now_us = clock_mono_us(&clock_system);
        if (now_us >= deadline_us)
            return SLUICE_TIMED_OUT;
        uint64_t left_ms = (deadline_us - now_us + 999) / 1000;
        let_turn(p, left_ms < 1000 ? left_ms : 1000);
    }
    return SLUICE_OK;
}

static uint64_t deadline_of(int timeout_ms)
{
    return timeout_ms < 0 ? DISPATCH_NEVER
                          : clock_mono_us(&clock_system) + (uint64_t)timeout_ms * 1000;
}

/* Under mu. */
static enum sluice_status flush(struct sluice_producer *p, uint64_t deadline_us)
{
    uint64_t order = p->intake.order;
    p->flush_order = order;
    if (producer_must_wake(p))
        sluice_client_wake(p->client);
    return wait_for(p, order, deadline_us);
}

enum sluice_status sluice_producer_flush(sluice_producer *p, int timeout_ms)
{
    enum sluice_status st = SLUICE_STATE;
    uint64_t deadline_us = deadline_of(timeout_ms);
    lock_take(&p->intake.mu);
    p->inside++;
    if (!producer_is_turner(p))
        st = flush(p, deadline_us);
    p->inside--;
    lock_drop(&p->intake.mu);
    return st;
}

enum sluice_status sluice_producer_close(sluice_producer *p, int timeout_ms)
{
    uint64_t deadline_us = deadline_of(timeout_ms);
    lock_take(&p->intake.mu);
    if (producer_is_turner(p) || p->closing) {
        lock_drop(&p->intake.mu);
        return SLUICE_STATE;
    }
    p->closing = true;
    signal_all(&p->room);
    enum sluice_status st = flush(p, deadline_us);
    p->cancelled = true;
    if (producer_must_wake(p))
        sluice_client_wake(p->client);
    (void)wait_for(p, p->intake.order, DISPATCH_NEVER); /* completions with SLUICE_CANCELLED */
    while (p->inside)
        let_turn(p, 100);
    p->stopped = true;
    if (producer_must_wake(p))
        sluice_client_wake(p->client);
    lock_drop(&p->intake.mu);
    if (p->options.run_thread)
        pthread_join(p->thread, NULL);
    free_producer(p);
    return st;
}

/* ---- driving, watching ---- */

enum sluice_status sluice_producer_turn(sluice_producer *p, int wait_ms)
{
    lock_take(&p->intake.mu);
    bool busy = p->turning || p->options.run_thread;
    if (!busy) {
        p->turning = true;
        p->turner = pthread_self();
    }
    lock_drop(&p->intake.mu);
    if (busy)
        return SLUICE_STATE;
    producer_turn(p, wait_ms);
    lock_take(&p->intake.mu);
    p->turning = false;
    signal_all(&p->turned);
    lock_drop(&p->intake.mu);
    return SLUICE_OK;
}

int sluice_producer_fd(const sluice_producer *p)
{
    return sluice_client_fd(p->client);
}

int sluice_producer_timeout(const sluice_producer *producer)
{
    struct sluice_producer *p = (struct sluice_producer *)(uintptr_t)producer;
    uint64_t now_us = clock_mono_us(&clock_system);
    lock_take(&p->intake.mu);
    uint64_t planned_us = p->asleep ? p->planned_us : 0;
    lock_drop(&p->intake.mu);
    int client_ms = sluice_client_timeout(p->client);
    if (planned_us == DISPATCH_NEVER)
        return client_ms;
    uint64_t ms = planned_us > now_us ? (planned_us - now_us + 999) / 1000 : 0;
    int own_ms = ms < INT32_MAX ? (int)ms : INT32_MAX;
    return client_ms >= 0 && client_ms < own_ms ? client_ms : own_ms;
}

void sluice_producer_metrics(sluice_producer *p, struct sluice_producer_metrics *metrics)
{
    lock_take(&p->intake.mu);
    const struct dispatch_counts c = p->counts;
    const struct sluice_producer_metrics m = {
        .size = metrics->size,
        .records_put = p->intake.order,
        .records_stored = c.stored,
        .records_failed = c.failed,
        .records_retried = c.retried,
        .records_throttled = c.throttled,
        .bytes_put = p->bytes_put,
        .calls = c.calls,
        .calls_failed = c.calls_failed,
        .kinesis_records = c.kinesis_records,
        .memory = p->intake.held,
        .latency_us_sum = c.latency_us_sum,
        .latency_us_max = c.latency_us_max,
    };
    lock_drop(&p->intake.mu);
    memcpy(metrics, &m, metrics->size < sizeof(m) ? metrics->size : sizeof(m));
}
