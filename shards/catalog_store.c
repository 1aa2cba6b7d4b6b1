/* catalog_store.c: rows as JSON, by jansson: they are few, small and read once at start, and an
 * operator can look at them.
 *
 * C1. A batch is durable, whole, before commit answers OK.
 * C2. A row that cannot be understood is refused by name; nothing is guessed. */
#include "shards/catalog_store.h"

#include "base/digest.h"
#include "base/json_text.h"
#include "base/mem.h"
#include "base/must.h"
#include "shards/catalog_encryption_row.h"
#include "shards/catalog_store_internal.h"
#include "shards/row_store.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* The whole data folder's. 2: write-ahead logs of segments may be frames (store_frame.h), which a program of format 1 would take for a torn write
 * and cut off. 3: batches may have stamps (record.h), which one of format 2 would take for damage. */
enum { FORMAT_OLDEST = 1, FORMAT = 3, ROW_KEY_BYTES = 192 };

struct catalog_store {
    struct row_store rows;
};

struct catalog_batch {
    leveldb_writebatch_t *rows;
};

/* ---- writing ---- */

struct catalog_batch *catalog_batch_new(void)
{
    struct catalog_batch *b = MEM_NEW(struct catalog_batch);
    b->rows = leveldb_writebatch_create();
    return b;
}

void catalog_batch_free(struct catalog_batch *b)
{
    leveldb_writebatch_destroy(b->rows);
    mem_free(b);
}

/* Takes over `object`. */
static void put_row(struct catalog_batch *b, const char *key, json_t *object)
{
    struct buf text;
    buf_init(&text, SIZE_MAX / 2);
    must(json_text_append(object, JSON_COMPACT | JSON_SORT_KEYS, &text) == OK);
    leveldb_writebatch_put(b->rows, key, strlen(key), (const char *)text.at, text.len);
    buf_fini(&text);
    json_decref(object);
}

static json_t *tags_json(const struct stream_tag *list, uint32_t count)
{
    json_t *tags = json_object();
    for (uint32_t i = 0; i < count; i++)
        must(json_object_set_new(tags, list[i].key, json_string(list[i].value)) == 0);
    return tags;
}

/* Nothing when there is none. */
static void put_policy(json_t *row, const struct policy *policy)
{
    struct bytes text = policy ? policy_text(policy) : BYTES_NONE;
    if (policy)
        must(json_object_set_new(row, "policy", json_stringn((const char *)text.at, text.len)) ==
             0);
}

void catalog_batch_put_stream(struct catalog_batch *b, const struct stream_settings *s)
{
    char key[ROW_KEY_BYTES];
    snprintf(key, sizeof(key), "stream/%020" PRIu64, s->number);
    json_t *row = json_pack(
        "{s:I s:s s:s s:s s:i s:i s:I s:i s:i s:b s:b s:i s:i s:o s:o}", "number",
        (json_int_t)s->number, "account", s->scope.account, "region", s->scope.region, "name",
        s->name, "mode", (int)s->mode, "status", (int)s->status, "created_ms",
        (json_int_t)s->created_ms, "retention_hours", (int)s->retention_hours, "record_kib_max",
        (int)s->record_kib_max, "record_kib_given", (int)s->record_kib_given, "warm_given",
        (int)s->warm_given, "warm_mibps", (int)s->warm_mibps, "next_shard", (int)s->next_shard,
        "tags", tags_json(s->tags, s->tag_count), "reshape", stream_reshape_json(&s->reshape));
    put_policy(row, s->policy);
    if (s->encryption)
        must(json_object_set_new(row, "encryption", encryption_row_make(s->encryption)) == 0);
    put_row(b, key, row);
}

void catalog_batch_remove_stream(struct catalog_batch *b, uint64_t number)
{
    char key[ROW_KEY_BYTES];
    int len = snprintf(key, sizeof(key), "stream/%020" PRIu64, number);
    leveldb_writebatch_delete(b->rows, key, (size_t)len);
}

void catalog_batch_put_shard(struct catalog_batch *b, uint64_t stream, const struct shard *s)
{
    char key[ROW_KEY_BYTES], start[U128_DECIMAL_BYTES_MAX], end[U128_DECIMAL_BYTES_MAX];
    snprintf(key, sizeof(key), "shard/%020" PRIu64 "/%010u", stream, s->index);
    u128_print(s->start, start);
    u128_print(s->end, end);
    put_row(b, key,
            json_pack("{s:I s:i s:s s:s s:I s:I s:I s:I}", "index", (json_int_t)s->index, "state",
                      (int)s->state, "start", start, "end", end, "parent", (json_int_t)s->parent,
                      "adjacent", (json_int_t)s->adjacent, "created_s", (json_int_t)s->created_s,
                      "closed_ms", (json_int_t)s->closed_ms));
}

void catalog_batch_remove_shard(struct catalog_batch *b, uint64_t stream, uint32_t index)
{
    char key[ROW_KEY_BYTES];
    int len = snprintf(key, sizeof(key), "shard/%020" PRIu64 "/%010u", stream, index);
    leveldb_writebatch_delete(b->rows, key, (size_t)len);
}

void catalog_batch_put_consumer(struct catalog_batch *b, uint64_t stream,
                                const struct consumer *consumer)
{
    char key[ROW_KEY_BYTES];
    snprintf(key, sizeof(key), "consumer/%020" PRIu64 "/%s", stream, consumer->name);
    json_t *row =
        json_pack("{s:I s:i s:o}", "created_s", (json_int_t)consumer->created_s, "status",
                  (int)consumer->status, "tags", tags_json(consumer->tags, consumer->tag_count));
    put_policy(row, consumer->policy);
    put_row(b, key, row);
}

void catalog_batch_remove_consumer(struct catalog_batch *b, uint64_t stream,
                                   const struct consumer *consumer)
{
    char key[ROW_KEY_BYTES];
    int len = snprintf(key, sizeof(key), "consumer/%020" PRIu64 "/%s", stream, consumer->name);
    leveldb_writebatch_delete(b->rows, key, (size_t)len);
}

void catalog_batch_put_next_stream(struct catalog_batch *b, uint64_t number)
{
    put_row(b, "meta/next-stream", json_pack("{s:I}", "number", (json_int_t)number));
}

void catalog_batch_put_iterator_key(struct catalog_batch *b, const uint8_t *key, size_t len)
{
    char hex[2 * 64 + 1];
    must(len <= 64);
    hex_print(bytes_of(key, len), hex);
    put_row(b, "meta/iterator-key", json_pack("{s:s}", "hex", hex));
}

void catalog_batch_put_key(struct catalog_batch *b, struct bytes access_key, struct bytes secret,
                           struct bytes account, uint64_t created_ms)
{
    char key[ROW_KEY_BYTES];
    must(access_key.len < 128);
    snprintf(key, sizeof(key), "key/%.*s", BYTES_ARGS(access_key));
    json_t *row = json_pack("{s:s% s:I}", "secret", (const char *)secret.at, secret.len,
                            "created_ms", (json_int_t)created_ms);
    if (account.len)
        must(json_object_set_new(row, "account",
                                 json_stringn((const char *)account.at, account.len)) == 0);
    put_row(b, key, row);
}

void catalog_batch_remove_key(struct catalog_batch *b, struct bytes access_key)
{
    char key[ROW_KEY_BYTES];
    must(access_key.len < 128);
    int len = snprintf(key, sizeof(key), "key/%.*s", BYTES_ARGS(access_key));
    leveldb_writebatch_delete(b->rows, key, (size_t)len);
}

void catalog_batch_put_account(struct catalog_batch *b, const struct scope *scope,
                               const struct commitment *commitment)
{
    char key[ROW_KEY_BYTES];
    snprintf(key, sizeof(key), "account/%s/%s", scope->account, scope->region);
    put_row(b, key,
            json_pack("{s:I s:I}", "started_ms", (json_int_t)commitment->started_ms, "ends_ms",
                      (json_int_t)commitment->ends_ms));
}

enum status catalog_store_commit(struct catalog_store *s, struct catalog_batch *b, struct fault *f)
{
    enum status st = row_store_write(&s->rows, b->rows, f); /* C1 */
    catalog_batch_free(b);
    return st;
}

/* ---- reading ---- */

struct row {
    struct bytes key;
    const json_t *object;
};

static bool number_of(const struct row *r, const char *name, json_int_t *out)
{
    const json_t *value = json_object_get(r->object, name);
    if (!json_is_integer(value) && !json_is_boolean(value))
        return false;
    *out = json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);
    return true;
}

static enum status row_fault(const struct row *r, struct fault *f)
{
    return fault_set(f, CORRUPT, "catalog: the row %.*s cannot be read", BYTES_ARGS(r->key));
}

/* Views of the row; mem_free the list. */
static struct stream_tag *read_tags(const json_t *tags, uint32_t *count)
{
    struct stream_tag *list = mem_must((json_object_size(tags) + 1) * sizeof(*list));
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)tags, name, value)
    {
        if (json_is_string(value))
            list[(*count)++] = (struct stream_tag){(char *)(uintptr_t)name,
                                                   (char *)(uintptr_t)json_string_value(value)};
    }
    return list;
}

/* It was taken once, so it is taken again. A row with a policy is not older than scopes. */
static bool read_policy(const struct row *r, struct stream_settings *s)
{
    const json_t *policy = json_object_get(r->object, "policy");
    char arn[STREAM_ARN_BYTES];
    scope_stream_arn(&s->scope, s->name, arn);
    return !policy || (json_is_string(policy) &&
                       policy_parse(bytes_of(json_string_value(policy), json_string_length(policy)),
                                    arn, &s->policy, NULL) == OK);
}

static enum status read_stream(struct catalog_reader *reader, const struct row *r, struct fault *f)
{
    if (!reader->stream)
        return OK;
    json_int_t number, mode, status, created, hours, kib, kib_given, warm_given, warm, next;
    struct stream_reshape reshape;
    const char *name = json_string_value(json_object_get(r->object, "name"));
    bool fine = number_of(r, "number", &number) && number_of(r, "mode", &mode) &&
                number_of(r, "status", &status) && number_of(r, "created_ms", &created) &&
                number_of(r, "retention_hours", &hours) && number_of(r, "record_kib_max", &kib) &&
                number_of(r, "record_kib_given", &kib_given) &&
                number_of(r, "warm_given", &warm_given) && number_of(r, "warm_mibps", &warm) &&
                number_of(r, "next_shard", &next) &&
                stream_reshape_read(json_object_get(r->object, "reshape"), &reshape);
    if (!fine || !name || strlen(name) > STREAM_NAME_BYTES_MAX || mode < 0 ||
        mode > STREAM_ON_DEMAND || status < 0 || status > STREAM_DELETING)
        return row_fault(r, f);
    struct stream_settings s = {
        .number = (uint64_t)number,
        .mode = (enum stream_mode)mode,
        .status = (enum stream_status)status,
        .created_ms = (uint64_t)created,
        .retention_hours = (uint32_t)hours,
        .record_kib_max = (uint32_t)kib,
        .record_kib_given = kib_given != 0,
        .warm_given = warm_given != 0,
        .warm_mibps = (uint32_t)warm,
        .next_shard = (uint32_t)next,
        .reshape = reshape,
    };
    snprintf(s.name, sizeof(s.name), "%s", name);
    const char *account = json_string_value(json_object_get(r->object, "account"));
    const char *region = json_string_value(json_object_get(r->object, "region"));
    if ((account || region) && !scope_set_stored(&s.scope, bytes_text(account), bytes_text(region)))
        return row_fault(r, f);
    const json_t *encryption = json_object_get(r->object, "encryption");
    if (!read_policy(r, &s) || (encryption && !encryption_row_read(encryption, &s.encryption))) {
        policy_unref(s.policy);
        return row_fault(r, f);
    }
    s.tags = read_tags(json_object_get(r->object, "tags"), &s.tag_count);
    enum status st = reader->stream(reader, &s, f);
    mem_free(s.tags);
    policy_unref(s.policy);
    stream_encryption_unref(s.encryption);
    return st;
}

static enum status read_shard(struct catalog_reader *reader, const struct row *r, struct fault *f)
{
    if (!reader->shard)
        return OK;
    json_int_t index, state, parent, adjacent, created, closed;
    struct shard s = {0};
    bool fine =
        number_of(r, "index", &index) && number_of(r, "state", &state) &&
        number_of(r, "parent", &parent) && number_of(r, "adjacent", &adjacent) &&
        number_of(r, "created_s", &created) && number_of(r, "closed_ms", &closed) &&
        u128_parse(bytes_text(json_string_value(json_object_get(r->object, "start"))), &s.start) &&
        u128_parse(bytes_text(json_string_value(json_object_get(r->object, "end"))), &s.end);
    uint64_t stream;
    if (!fine || state < 0 || state > SHARD_CLOSED || r->key.len < 26 ||
        !bytes_to_u64(bytes_of(r->key.at + 6, 20), &stream))
        return row_fault(r, f);
    s.index = (uint32_t)index;
    s.state = (enum shard_state)state;
    s.parent = parent;
    s.adjacent = adjacent;
    s.created_s = (uint64_t)created;
    s.closed_ms = (uint64_t)closed;
    return reader->shard(reader, stream, &s, f);
}

/* "consumer/", the stream's number in 20 digits, "/", the name */
static enum status read_consumer(struct catalog_reader *reader, const struct row *r,
                                 struct fault *f)
{
    if (!reader->consumer)
        return OK;
    enum { NUMBER_AT = 9, NAME_AT = NUMBER_AT + 20 + 1 };
    json_int_t created, status;
    uint64_t stream;
    struct consumer consumer = {0};
    if (r->key.len <= NAME_AT || r->key.len - NAME_AT > CONSUMER_NAME_BYTES_MAX ||
        !bytes_to_u64(bytes_of(r->key.at + NUMBER_AT, 20), &stream) ||
        !number_of(r, "created_s", &created) || !number_of(r, "status", &status) || status < 0 ||
        status > CONSUMER_DELETING)
        return row_fault(r, f);
    memcpy(consumer.name, r->key.at + NAME_AT, r->key.len - NAME_AT);
    consumer.created_s = (uint64_t)created;
    consumer.status = (enum consumer_status)status;
    consumer.tags = read_tags(json_object_get(r->object, "tags"), &consumer.tag_count);
    const json_t *policy = json_object_get(r->object, "policy");
    enum status st = reader->consumer(
        reader, stream, &consumer,
        bytes_of(json_string_value(policy), policy ? json_string_length(policy) : 0), f);
    mem_free(consumer.tags);
    return st;
}

static enum status read_key(struct catalog_reader *reader, const struct row *r, struct fault *f)
{
    if (!reader->key)
        return OK;
    json_int_t created;
    const char *secret = json_string_value(json_object_get(r->object, "secret"));
    const char *account = json_string_value(json_object_get(r->object, "account"));
    if (!secret || !number_of(r, "created_ms", &created) ||
        (account && !account_is_valid(bytes_text(account))))
        return row_fault(r, f);
    char access_key[ROW_KEY_BYTES];
    snprintf(access_key, sizeof(access_key), "%.*s", (int)(r->key.len - 4),
             (const char *)r->key.at + 4);
    return reader->key(reader, access_key, secret, account ? account : "", (uint64_t)created, f);
}

static enum status read_next_stream(struct catalog_reader *reader, const struct row *r,
                                    struct fault *f)
{
    if (!reader->next_stream)
        return OK;
    json_int_t number;
    if (!number_of(r, "number", &number))
        return row_fault(r, f);
    return reader->next_stream(reader, (uint64_t)number, f);
}

static enum status read_iterator_key(struct catalog_reader *reader, const struct row *r,
                                     struct fault *f)
{
    if (!reader->iterator_key)
        return OK;
    struct bytes hex = bytes_text(json_string_value(json_object_get(r->object, "hex")));
    uint8_t key[64];
    if (hex.len > 128 || !hex_parse(hex, key, hex.len / 2))
        return row_fault(r, f);
    return reader->iterator_key(reader, key, hex.len / 2, f);
}

/* "account/ACCOUNT/REGION" */
static enum status read_account(struct catalog_reader *reader, const struct row *r, struct fault *f)
{
    if (!reader->account)
        return OK;
    enum { HEAD = 8, ACCOUNT = ACCOUNT_BYTES - 1, REGION_AT = HEAD + ACCOUNT + 1 };
    json_int_t started, ends;
    struct scope scope;
    bool fine = number_of(r, "started_ms", &started) && number_of(r, "ends_ms", &ends) &&
                started >= 0 && ends >= 0 && r->key.len > REGION_AT &&
                r->key.at[REGION_AT - 1] == '/' &&
                scope_set(&scope, bytes_of(r->key.at + HEAD, ACCOUNT),
                          bytes_of(r->key.at + REGION_AT, r->key.len - REGION_AT));
    if (!fine)
        return row_fault(r, f);
    struct commitment commitment = {.started_ms = (uint64_t)started, .ends_ms = (uint64_t)ends};
    return reader->account(reader, &scope, &commitment, f);
}

static enum status read_format(struct catalog_reader *reader, const struct row *r, struct fault *f)
{
    (void)reader;
    json_int_t format;
    if (!number_of(r, "format", &format))
        return row_fault(r, f);
    if (format < FORMAT_OLDEST || format > FORMAT)
        return fault_set(f, UNSUPPORTED,
                         "catalog: this folder has format %" JSON_INTEGER_FORMAT
                         ", and this program knows only %d to %d",
                         format, FORMAT_OLDEST, FORMAT);
    return OK;
}

/* By its key, or by the beginning of it that ends in a slash. A reader that does not want rows of a kind is not shown them. */
static const struct row_kind {
    struct bytes key;
    enum status (*read)(struct catalog_reader *, const struct row *, struct fault *);
} row_kinds[] = {
    {BYTES_LITERAL("meta/format"), read_format},
    {BYTES_LITERAL("meta/next-stream"), read_next_stream},
    {BYTES_LITERAL("meta/iterator-key"), read_iterator_key},
    {BYTES_LITERAL("stream/"), read_stream},
    {BYTES_LITERAL("shard/"), read_shard},
    {BYTES_LITERAL("consumer/"), read_consumer},
    {BYTES_LITERAL("key/"), read_key},
    {BYTES_LITERAL("account/"), read_account},
};

static enum status read_row(struct catalog_reader *reader, const struct row *r, struct fault *f)
{
    for (size_t i = 0; i < sizeof(row_kinds) / sizeof(*row_kinds); i++) {
        const struct row_kind *kind = &row_kinds[i];
        bool many = kind->key.at[kind->key.len - 1] == '/';
        if (many ? bytes_starts_with(r->key, kind->key) : bytes_equal(r->key, kind->key))
            return kind->read(reader, r, f);
    }
    return row_fault(r, f); /* C2 */
}

static enum status read_range(struct catalog_store *s, const char *prefix,
                              struct catalog_reader *reader, struct fault *f)
{
    leveldb_iterator_t *it = leveldb_create_iterator(s->rows.db, s->rows.checked);
    enum status st = OK;
    for (leveldb_iter_seek(it, prefix, strlen(prefix)); st == OK && leveldb_iter_valid(it);
         leveldb_iter_next(it)) {
        struct row r = {0};
        const char *key = leveldb_iter_key(it, &r.key.len);
        r.key.at = (const uint8_t *)key;
        if (!bytes_starts_with(r.key, bytes_text(prefix)))
            break;
        size_t len;
        const char *value = leveldb_iter_value(it, &len);
        json_t *object = json_loadb(value, len, JSON_REJECT_DUPLICATES, NULL);
        r.object = object;
        st = json_is_object(object) ? read_row(reader, &r, f) : row_fault(&r, f);
        json_decref(object);
    }
    char *error = NULL;
    leveldb_iter_get_error(it, &error);
    leveldb_iter_destroy(it);
    if (error) {
        enum status damaged = row_store_fault(&s->rows, error, "it cannot be read", f);
        st = st == OK ? damaged : st;
    }
    return st;
}

enum status catalog_store_read(struct catalog_store *s, struct catalog_reader *r, struct fault *f)
{
    static const char *const ranges[] = {"meta/",   "key/",   "account/",
                                         "stream/", "shard/", "consumer/"};
    enum status st = OK;
    for (size_t i = 0; st == OK && i < sizeof(ranges) / sizeof(*ranges); i++)
        st = read_range(s, ranges[i], r, f);
    return st;
}

/* ---- opening ---- */

static bool is_of_this_format(struct catalog_store *s)
{
    char wanted[32], *error = NULL;
    size_t len;
    snprintf(wanted, sizeof(wanted), "{\"format\":%d}", FORMAT);
    char *row = leveldb_get(s->rows.db, s->rows.checked, "meta/format", 11, &len, &error);
    bool is = row && bytes_equal(bytes_of(row, len), bytes_text(wanted));
    leveldb_free(row);
    leveldb_free(error); /* whoever reads the row next says so */
    return is;
}

/* Refuses a folder of a later format, and marks one of an earlier, or a new one, as of this one. */
static enum status check_format(struct catalog_store *s, struct fault *f)
{
    struct catalog_reader none = {0};
    if (is_of_this_format(s))
        return OK;
    enum status st = read_range(s, "meta/format", &none, f);
    if (st != OK)
        return st;
    struct catalog_batch *b = catalog_batch_new();
    put_row(b, "meta/format", json_pack("{s:i}", "format", FORMAT));
    return catalog_store_commit(s, b, f);
}

enum status catalog_store_open(const char *folder, struct catalog_store **out, struct fault *f)
{
    *out = NULL;
    struct catalog_store *s = MEM_NEW(struct catalog_store);
    enum status st = row_store_open(&s->rows, "catalog", folder, f);
    if (st == OK)
        st = check_format(s, f);
    if (st != OK) {
        catalog_store_close(s);
        return st;
    }
    *out = s;
    return OK;
}

void catalog_store_close(struct catalog_store *s)
{
    if (!s)
        return;
    row_store_fini(&s->rows);
    mem_free(s);
}
