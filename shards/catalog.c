/* catalog.c: the catalog's thread: opening, reading back, carrying out commands one at a time,
 * closing.
 *
 * The verbs live beside: catalog_streams.c (create, delete, retention, reap), catalog_reshape.c (mode, sizes,
 * metrics), reshard.c (split, merge), reshard_count.c (recount), catalog_consumers.c. Rows: catalog_store.c. Thread: the catalog's own, a loop with a mailbox and timers. It
 * alone changes streams; it may wait for its own disk writes. */
#include "shards/catalog_internal.h"
#include "shards/stream_fault.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/random.h"
#include "base/table.h"
#include "base/trace.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- helpers of the verbs ---- */

enum status catalog_find(struct catalog *c, struct catalog_command *command, struct stream **stream,
                         struct stream_view **view)
{
    *stream = stream_table_find(c->settings.streams, &command->scope, command->stream);
    if (!*stream)
        return fault_stream_not_found(&command->fault, command->stream, command->scope.account);
    *view = stream_look(*stream);
    return OK;
}

enum status catalog_shard_make(struct catalog *c, const struct stream_settings *s,
                               struct shard values, struct shard **out, struct fault *f)
{
    struct log_engine *logs = c->settings.logs;
    enum status st = logs->ops->open(logs, (struct log_place){s->number, values.index},
                                     s->retention_hours, &values.log, f);
    *out = st == OK ? shard_new(&values) : NULL;
    return st;
}

struct shard **catalog_shards_of(const struct stream_view *v, uint32_t more)
{
    struct shard **shards = mem_must((v->shard_count + more + 1) * sizeof(struct shard *));
    for (uint32_t i = 0; i < v->shard_count; i++)
        shards[i] = shard_ref(v->shards[i]);
    return shards;
}

enum status catalog_change(struct catalog *c, struct stream *stream, struct catalog_batch *batch,
                           const struct stream_settings *settings, struct shard **shards,
                           uint32_t count, uint64_t version, struct fault *f)
{
    enum status st = catalog_store_commit(c->store, batch, f);
    struct stream_view *next = stream_view_new(settings, shards, count, version);
    if (st == OK)
        stream_publish(stream, next); /* K1 */
    else
        stream_view_unref(next);
    mem_free(shards);
    return st;
}

enum status catalog_change_settings(struct catalog *c, struct stream *stream,
                                    const struct stream_view *v,
                                    const struct stream_settings *settings, struct fault *f)
{
    struct catalog_batch *b = catalog_batch_new();
    catalog_batch_put_stream(b, settings);
    return catalog_change(c, stream, b, settings, catalog_shards_of(v, 0), v->shard_count,
                          v->version + 1, f);
}

/* ---- commands ---- */

void catalog_answer(struct catalog *c, struct catalog_command *command, enum status status)
{
    (void)c;
    command->status = status;
    command->done(command);
}

static int put_key(struct catalog *c, struct catalog_command *command)
{
    struct catalog_batch *b = catalog_batch_new();
    catalog_batch_put_key(b, command->key.access_key, command->key.secret, command->key.account,
                          clock_wall_ms(c->settings.clock));
    return catalog_store_commit(c->store, b, &command->fault);
}

static int remove_key(struct catalog *c, struct catalog_command *command)
{
    struct catalog_batch *b = catalog_batch_new();
    catalog_batch_remove_key(b, command->key.access_key);
    return catalog_store_commit(c->store, b, &command->fault);
}

static catalog_verb_fn *const verbs[CATALOG_VERBS] = {
    [CATALOG_CREATE_STREAM] = catalog_create_stream,
    [CATALOG_DELETE_STREAM] = catalog_delete_stream,
    [CATALOG_SET_RETENTION] = catalog_set_retention,
    [CATALOG_SPLIT_SHARD] = reshard_split,
    [CATALOG_MERGE_SHARDS] = reshard_merge,
    [CATALOG_SET_SHARD_COUNT] = reshard_recount,
    [CATALOG_SET_STREAM_MODE] = catalog_set_mode,
    [CATALOG_SET_WARM_THROUGHPUT] = catalog_set_warm,
    [CATALOG_SET_RECORD_SIZE] = catalog_set_record_size,
    [CATALOG_SET_SHARD_METRICS] = catalog_set_shard_metrics,
    [CATALOG_SET_TAGS] = catalog_set_tags,
    [CATALOG_SET_POLICY] = catalog_set_policy,
    [CATALOG_SET_ENCRYPTION] = catalog_set_encryption,
    [CATALOG_SETTLE_ACCOUNT] = catalog_settle_account,
    [CATALOG_REAP_SHARDS] = catalog_reap_shards,
    [CATALOG_REGISTER_CONSUMER] = catalog_register_consumer,
    [CATALOG_DEREGISTER_CONSUMER] = catalog_deregister_consumer,
    [CATALOG_PUT_KEY] = put_key,
    [CATALOG_REMOVE_KEY] = remove_key,
};

static int run(struct catalog *c, struct catalog_command *command)
{
    if (c->closing)
        return fault_set(&command->fault, CLOSING, "the server is shutting down");
    must(command->verb < CATALOG_VERBS && verbs[command->verb]);
    return verbs[command->verb](c, command);
}

struct envelope {
    struct message message;
    struct catalog *catalog;
    struct catalog_command *command;
};

static void handle(struct message *m)
{
    struct envelope *e = LIST_OWNER(m, struct envelope, message);
    struct catalog *c = e->catalog;
    struct catalog_command *command = e->command;
    mem_free(e);
    thread_must_be(THREAD_CATALOG);
    int outcome = run(c, command);
    if (outcome != CATALOG_LATER)
        catalog_answer(c, command, (enum status)outcome);
}

void catalog_submit(struct catalog *c, struct catalog_command *command)
{
    struct envelope *e = MEM_NEW(struct envelope);
    *e = (struct envelope){.message = {.handle = handle}, .catalog = c, .command = command};
    loop_send(c->loop, &e->message);
}

/* ---- reading everything back ---- */

/* One stream's rows while they are gathered. */
struct found {
    struct list node;
    struct stream_settings settings;
    struct shard **shards;
    uint32_t count, room;
};

struct reading {
    struct catalog_reader reader;
    struct catalog *catalog;
    struct list found; /* by number, as the rows come */
    struct table by_number;
    bool have_iterator_key;
};

static enum status found_stream(struct catalog_reader *r, const struct stream_settings *s,
                                struct fault *f)
{
    (void)f;
    struct reading *reading = LIST_OWNER(r, struct reading, reader);
    struct found *found = MEM_NEW(struct found);
    found->settings = *s;
    if (!s->scope.account[0]) /* a row older than scopes */
        found->settings.scope = reading->catalog->settings.home;
    found->settings.tags = stream_tags_copy(s->tags, s->tag_count);
    policy_ref(found->settings.policy);
    stream_encryption_ref(found->settings.encryption);
    list_append(&reading->found, &found->node);
    table_set(&reading->by_number, bytes_of(&found->settings.number, sizeof(uint64_t)), found);
    return OK;
}

static enum status found_shard(struct catalog_reader *r, uint64_t stream, const struct shard *s,
                               struct fault *f)
{
    struct reading *reading = LIST_OWNER(r, struct reading, reader);
    struct found *found = table_find(&reading->by_number, bytes_of(&stream, sizeof(stream)));
    if (!found)
        return fault_set(f, CORRUPT,
                         "catalog: shard %u belongs to stream number %llu, which is not there",
                         s->index, (unsigned long long)stream);
    if (found->count == found->room) {
        found->room = found->room ? 2 * found->room : 8;
        struct shard **grown = mem_must(found->room * sizeof(*grown));
        if (found->count)
            memcpy(grown, found->shards, found->count * sizeof(*grown));
        mem_free(found->shards);
        found->shards = grown;
    }
    enum status st =
        catalog_shard_make(reading->catalog, &found->settings, *s, &found->shards[found->count], f);
    found->count += st == OK;
    return st;
}

static enum status found_consumer(struct catalog_reader *r, uint64_t stream,
                                  const struct consumer *consumer, struct bytes policy,
                                  struct fault *f)
{
    struct reading *reading = LIST_OWNER(r, struct reading, reader);
    struct found *found = table_find(&reading->by_number, bytes_of(&stream, sizeof(stream)));
    if (!found)
        return fault_set(f, CORRUPT,
                         "catalog: consumer %s belongs to stream number %llu, which is not there",
                         consumer->name, (unsigned long long)stream);
    struct consumer values = consumer_values(consumer);
    char arn[CONSUMER_ARN_BYTES];
    consumer_arn(consumer, &found->settings.scope, found->settings.name, arn);
    if (bytes_present(policy) && policy_parse(policy, arn, &values.policy, f) != OK)
        return fault_set(f, CORRUPT, "catalog: the policy of %s cannot be read", arn);
    struct consumer_set *before = found->settings.consumers;
    found->settings.consumers = consumer_set_with(before, consumer_new(&values));
    consumer_set_unref(before);
    policy_unref(values.policy);
    return OK;
}

static enum status found_key(struct catalog_reader *r, const char *access_key, const char *secret,
                             const char *account, uint64_t created_ms, struct fault *f)
{
    (void)created_ms;
    (void)f;
    struct reading *reading = LIST_OWNER(r, struct reading, reader);
    struct catalog_key *key = MEM_NEW(struct catalog_key);
    key->access_key = mem_strdup(access_key);
    key->secret = mem_strdup(secret);
    snprintf(key->account, sizeof(key->account), "%s", account);
    list_append(&reading->catalog->keys, &key->node);
    return OK;
}

static enum status found_next_stream(struct catalog_reader *r, uint64_t number, struct fault *f)
{
    (void)f;
    LIST_OWNER(r, struct reading, reader)->catalog->next_stream = number;
    return OK;
}

static enum status found_iterator_key(struct catalog_reader *r, const uint8_t *key, size_t len,
                                      struct fault *f)
{
    struct reading *reading = LIST_OWNER(r, struct reading, reader);
    if (len != ITERATOR_KEY_BYTES)
        return fault_set(f, CORRUPT, "catalog: the iterator key has %zu bytes, not %d", len,
                         ITERATOR_KEY_BYTES);
    memcpy(reading->catalog->iterator_key, key, len);
    reading->have_iterator_key = true;
    return OK;
}

static enum status found_account(struct catalog_reader *r, const struct scope *scope,
                                 const struct commitment *commitment, struct fault *f)
{
    (void)f;
    catalog_set_commitment(LIST_OWNER(r, struct reading, reader)->catalog, scope, commitment);
    return OK;
}

static void found_free(struct found *found)
{
    for (uint32_t i = 0; i < found->count; i++)
        shard_unref(found->shards[i]);
    stream_tags_free(found->settings.tags, found->settings.tag_count);
    consumer_set_unref(found->settings.consumers);
    policy_unref(found->settings.policy);
    stream_encryption_unref(found->settings.encryption);
    mem_free(found->shards);
    mem_free(found);
}

/* Into the table; the thread, once it runs, resumes what was under way. */
static void add_found(struct catalog *c, struct found *found)
{
    struct stream_view *view = stream_view_new(&found->settings, found->shards, found->count, 1);
    found->count = 0; /* the view has them now */
    struct stream *stream = stream_new(view);
    stream_table_add(c->settings.streams, stream);
    bool resharding = found->settings.status == STREAM_UPDATING && reshard_resume(c, stream);
    if (!resharding && found->settings.status != STREAM_ACTIVE)
        catalog_resume(c, stream);
    if (consumer_set_count(found->settings.consumers) > 0)
        catalog_delay_start(c, stream, 0, catalog_settle_consumers);
    stream_unref(stream);
}

static enum status make_iterator_key(struct catalog *c, struct fault *f)
{
    random_bytes(c->iterator_key, ITERATOR_KEY_BYTES);
    struct catalog_batch *b = catalog_batch_new();
    catalog_batch_put_iterator_key(b, c->iterator_key, ITERATOR_KEY_BYTES);
    return catalog_store_commit(c->store, b, f);
}

static enum status read_all(struct catalog *c, struct fault *f)
{
    struct reading reading = {
        .reader = {found_stream, found_shard, found_key, found_next_stream, found_iterator_key,
                   found_account, found_consumer},
        .catalog = c,
    };
    list_init(&reading.found);
    table_init(&reading.by_number);
    enum status st = catalog_store_read(c->store, &reading.reader, f);
    if (st == OK && !reading.have_iterator_key)
        st = make_iterator_key(c, f);
    LIST_EACH(node, keep, &reading.found)
    {
        struct found *found = LIST_OWNER(node, struct found, node);
        list_remove(node);
        if (st == OK)
            add_found(c, found);
        found_free(found);
    }
    table_fini(&reading.by_number);
    return st;
}

/* ---- life ---- */

static void thread_run(void *arg)
{
    loop_run(((struct catalog *)arg)->loop);
}

static void empty_table(struct catalog *c)
{
    struct stream_view *view;
    bool more;
    while (stream_table_walk(c->settings.streams, NULL, &view, 1, &more)) {
        struct stream *stream =
            stream_table_find_number(c->settings.streams, view->settings.number);
        stream_table_remove(c->settings.streams, stream);
        stream_unref(stream);
        stream_view_unref(view);
    }
}

static void free_all(struct catalog *c)
{
    reshard_close(c);
    catalog_delays_close(c);
    empty_table(c);
    LIST_EACH(node, keep, &c->keys)
    {
        struct catalog_key *key = LIST_OWNER(node, struct catalog_key, node);
        OPENSSL_cleanse(key->secret, strlen(key->secret));
        mem_free(key->access_key);
        mem_free(key->secret);
        mem_free(key);
    }
    catalog_accounts_close(c);
    catalog_store_close(c->store);
    loop_free(c->loop);
    OPENSSL_cleanse(c->iterator_key, sizeof(c->iterator_key));
    mem_free(c);
}

enum status catalog_open(const struct catalog_settings *settings, struct catalog **out,
                         struct fault *f)
{
    *out = NULL;
    struct catalog *c = MEM_NEW(struct catalog);
    c->settings = *settings;
    c->next_stream = 1;
    list_init(&c->keys);
    table_init(&c->accounts);
    list_init(&c->reshards);
    list_init(&c->delays);
    enum status st = loop_new(&c->loop, settings->clock, f);
    if (st == OK)
        st = catalog_store_open(settings->folder, &c->store, f);
    if (st == OK)
        st = read_all(c, f);
    if (st != OK) {
        free_all(c);
        return st;
    }
    catalog_rewrap(c); /* the master keys may have changed meanwhile */
    thread_start(&c->thread, THREAD_CATALOG, "catalog", thread_run, c);
    *out = c;
    return OK;
}

struct closing {
    struct message message;
    struct catalog *catalog;
};

void catalog_stop_if_idle(struct catalog *c)
{
    if (c->closing && !reshard_any_under_way(c))
        loop_stop(c->loop);
}

static void close_on_thread(struct message *m)
{
    struct catalog *c = LIST_OWNER(m, struct closing, message)->catalog;
    c->closing = true;
    catalog_stop_if_idle(c);
}

void catalog_close(struct catalog *c)
{
    if (!c)
        return;
    struct closing closing = {.message = {.handle = close_on_thread}, .catalog = c};
    loop_send(c->loop, &closing.message);
    thread_join(&c->thread);
    free_all(c);
}

const uint8_t *catalog_iterator_key(const struct catalog *c)
{
    return c->iterator_key;
}

void catalog_each_key(const struct catalog *c,
                      void (*each)(void *arg, const char *access_key, const char *secret,
                                   const char *account),
                      void *arg)
{
    LIST_EACH(node, keep, &c->keys)
    {
        const struct catalog_key *key = LIST_OWNER(node, struct catalog_key, node);
        each(arg, key->access_key, key->secret, key->account);
    }
}
