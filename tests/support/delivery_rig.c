/* delivery_rig.c: see the header. */
#include "support/delivery_rig.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/must.h"
#include "support/log_driver.h"
#include "support/log_memory.h"
#include "wire/json.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { STREAM = 11, FLUSH_MS = 20000, CRASH_LOOK_MS = 20 };

static struct delivery_view *view_of(struct rig *r, const char *name, const char *config,
                                     bool kinesis)
{
    char text[4096];
    snprintf(text, sizeof(text), "{\"DeliveryStreamName\":\"%s\",%s%s}", name,
             kinesis
                 ? "\"DeliveryStreamType\":\"KinesisStreamAsSource\","
                   "\"KinesisStreamSourceConfiguration\":{\"RoleARN\":\"r\",\"KinesisStreamARN\":"
                   "\"arn:aws:kinesis:eu-west-1:000000000000:stream/s\"},"
                 : "",
             config);
    struct arena arena;
    struct fault f = {0};
    struct firehose_create_delivery_stream_input in;
    struct delivery_view values = {.number = (uint64_t)name[0],
                                   .version = ++r->version,
                                   .status = DELIVERY_ACTIVE},
                         *out;
    must(scope_set(&values.scope, BYTES_LITERAL("000000000000"), BYTES_LITERAL("eu-west-1")));
    snprintf(values.name, sizeof(values.name), "%s", name);
    arena_init(&arena, MIB(1));
    must(json_decode(&shape_firehose_create_delivery_stream_input, (uint8_t *)text, strlen(text),
                     &arena, &in, &f) == OK);
    must(delivery_view_new(&values, &in, &out, &f) == OK);
    arena_fini(&arena);
    return out;
}

static struct stream_view *source_view(struct rig *r, uint32_t sealed_parent, uint64_t version)
{
    const struct delivery_view *v = delivery_look(r->delivery);
    struct stream_settings s = {.number = r->stream, .status = r->status, .next_shard = r->shards};
    bool hidden = v->source == DELIVERY_DIRECT_PUT;
    s.scope = hidden ? delivery_hidden_scope(&v->scope) : v->scope;
    snprintf(s.name, sizeof(s.name), "%s", hidden ? "d" : "s");
    struct shard *shards[8];
    u128 step = U128_MAX / (r->shards ? r->shards : 1);
    for (uint32_t i = 0; i < r->shards; i++) {
        if (!r->log[i])
            r->log[i] = driver_open(r->logs, r->stream, i);
        shards[i] = shard_new(&(struct shard){
            .index = i,
            .state = i == sealed_parent ? SHARD_CLOSED : SHARD_OPEN,
            .start = step * i,
            .end = step * (i + 1),
            .parent = SHARD_NONE,
            .adjacent = SHARD_NONE,
            .created_s = 1,
            .log = r->log[i],
        });
    }
    delivery_view_unref((struct delivery_view *)(uintptr_t)v);
    return stream_view_new(&s, shards, r->shards, version);
}

static const struct destination_ops *fake(enum delivery_kind kind)
{
    return bucket_of(kind);
}

void rig_start(struct rig *r)
{
    struct fault f = {0};
    must(delivery_store_open(r->folder, &r->store, &f) == OK);
    const struct delivery_engine_settings s = {
        .clock = &clock_system,
        .logs = r->logs,
        .streams = r->streams,
        .store = r->store,
        .threads = r->threads ? r->threads : 2,
        .memory_max = r->memory_max ? r->memory_max : MIB(64),
        .s3_endpoint = "",
        .s3_region = "",
        .ca_file = "",
        .destination_of = fake,
    };
    must(delivery_engine_open(&s, &r->engine, &f) == OK);
    r->set = delivery_engine_set(r->engine, r->delivery);
    if (r->other)
        must(delivery_engine_set(r->engine, r->other) == OK);
}

void rig_stop(struct rig *r)
{
    delivery_engine_close(r->engine);
    delivery_store_close(r->store);
    r->engine = NULL;
    r->store = NULL;
}

void rig_open(struct rig *r, const char *config, bool kinesis, uint32_t shards)
{
    *r = (struct rig){.shards = shards,
                      .memory_max = r->memory_max,
                      .threads = r->threads,
                      .stream = STREAM,
                      .status = STREAM_ACTIVE};
    bucket_reset();
    snprintf(r->folder, sizeof(r->folder), "/tmp/sluice-delivery-XXXXXX");
    must(mkdtemp(r->folder));
    r->logs = log_memory_new(&clock_system);
    r->streams = stream_table_new();
    r->delivery = delivery_new(view_of(r, "d", config, kinesis));
    r->source = stream_new(source_view(r, UINT32_MAX, 1));
    stream_table_add(r->streams, r->source);
    rig_start(r);
}

void rig_close(struct rig *r)
{
    struct fault f = {0};
    if (r->engine)
        rig_stop(r);
    delivery_unref(r->delivery);
    if (r->other)
        delivery_unref(r->other);
    stream_table_remove(r->streams, r->source);
    stream_unref(r->source);
    stream_table_free(r->streams);
    r->logs->ops->close(r->logs);
    must(folder_remove(r->folder, &f) == OK);
}

void rig_update(struct rig *r, const char *config)
{
    struct delivery_view *v = delivery_look(r->delivery);
    delivery_publish(r->delivery, view_of(r, "d", config, v->source == DELIVERY_KINESIS));
    delivery_view_unref(v);
    if (r->engine)
        must(delivery_engine_set(r->engine, r->delivery) == OK);
}

void rig_add(struct rig *r, const char *config)
{
    r->other = delivery_new(view_of(r, "e", config, true));
    must(delivery_engine_set(r->engine, r->other) == OK);
}

void rig_split(struct rig *r, uint32_t parent)
{
    must(driver_seal(r->logs, r->log[parent]) == OK);
    r->shards += 2;
    stream_publish(r->source, source_view(r, parent, 2));
}

void rig_recreate(struct rig *r)
{
    r->status = STREAM_DELETING;
    stream_publish(r->source, source_view(r, UINT32_MAX, 3));
    stream_table_remove(r->streams, r->source);
    stream_unref(r->source);
    r->status = STREAM_ACTIVE;
    r->stream++;
    r->shards = 1;
    memset(r->log, 0, sizeof(r->log));
    r->source = stream_new(source_view(r, UINT32_MAX, 1));
    stream_table_add(r->streams, r->source);
}

struct flush {
    pthread_mutex_t mu;
    pthread_cond_t changed;
    bool over;
    enum status status;
    struct fault fault;
};

static void on_flushed(void *arg, enum status st, const struct fault *f)
{
    struct flush *x = arg;
    must(pthread_mutex_lock(&x->mu) == 0);
    x->over = true;
    x->status = st;
    x->fault = *f;
    must(pthread_cond_signal(&x->changed) == 0);
    must(pthread_mutex_unlock(&x->mu) == 0);
}

enum status rig_flush_of(struct rig *r, struct delivery *d, uint64_t within_ms, struct fault *f)
{
    struct flush x = {.mu = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    delivery_engine_flush(r->engine, d, within_ms, on_flushed, &x);
    must(pthread_mutex_lock(&x.mu) == 0);
    while (!x.over)
        must(pthread_cond_wait(&x.changed, &x.mu) == 0);
    must(pthread_mutex_unlock(&x.mu) == 0);
    *f = x.fault;
    return x.status;
}

enum status rig_flush(struct rig *r, uint64_t within_ms, struct fault *f)
{
    return rig_flush_of(r, r->delivery, within_ms, f);
}

bool rig_flushed(struct rig *r)
{
    struct fault f = {0};
    if (rig_flush(r, FLUSH_MS, &f) == OK)
        return true;
    fprintf(stderr, "not flushed: %s\n", f.text);
    return false;
}

bool rig_run_until_crash(struct rig *r)
{
    struct fault f = {0};
    while (!bucket_crashed())
        if (rig_flush(r, CRASH_LOOK_MS, &f) == OK)
            return bucket_crashed();
    return true;
}

/* A counter tells nobody. */
static void wait_counter(const _Atomic uint64_t *counter, uint64_t count)
{
    while (atomic_load(counter) < count)
        sched_yield();
}

void rig_wait_read(struct rig *r, uint64_t records)
{
    wait_counter(&delivery_counters(r->delivery)->read_records, records);
}

void rig_wait_delivered(struct rig *r, uint64_t objects)
{
    wait_counter(&delivery_counters(r->delivery)->delivered_objects, objects);
}

static enum status count_row(void *arg, struct bytes key, struct bytes value, struct fault *f)
{
    (void)key;
    (void)value;
    (void)f;
    ++*(unsigned *)arg;
    return OK;
}

unsigned rig_rows(struct rig *r, const char *prefix)
{
    unsigned found = 0;
    struct fault f;
    must(delivery_store_each(r->store, bytes_text(prefix), count_row, &found, &f) == OK);
    return found;
}

char *rig_words(const char *prefix)
{
    struct buf all;
    buf_init(&all, MIB(256));
    for (size_t i = 0; i < bucket_count(); i++) {
        const char *name;
        struct bytes body;
        bucket_object(i, &name, &body);
        if (strncmp(name, prefix, strlen(prefix)) != 0)
            continue;
        for (const char *at = (const char *)body.at; *(at += strspn(at, " ")) != '\0';) {
            size_t word = strcspn(at, " ");
            buf_append(&all, bytes_of(at, word));
            buf_append_byte(&all, ' ');
            at += word;
        }
    }
    buf_append_byte(&all, 0);
    size_t len;
    return (char *)buf_take(&all, &len);
}

bool rig_has_all(const char *name_prefix, const char *prefix, unsigned count)
{
    char *words = rig_words(name_prefix);
    uint8_t *seen = mem_must(count + 1);
    unsigned found = 0;
    bool fine = true;
    size_t head = strlen(prefix);
    for (char *save = NULL, *word = strtok_r(words, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        uint64_t n = 0;
        if (strncmp(word, prefix, head) != 0 || word[head] != '-')
            continue;
        fine = fine && bytes_to_u64(bytes_text(word + head + 1), &n) && n < count && !seen[n];
        if (!fine) {
            fprintf(stderr, "unexpected or twice: %s\n", word);
            break;
        }
        seen[n] = 1;
        found++;
    }
    if (fine && found != count)
        fprintf(stderr, "%u of %u\n", found, count);
    mem_free(seen);
    mem_free(words);
    return fine && found == count;
}
