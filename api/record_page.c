/* record_page.c: batches to records: skip what lies before the page and what is past retention, stop when it is full. */
#include "api/record_page.h"

#include "api/operations.h"
#include "shards/batch_cipher.h"

static enum status add_record(struct record_page *p, const struct record *record, bool encrypted)
{
    struct arena *a = p->arena;
    if (p->count == p->room) {
        uint32_t room = p->room ? 4 * p->room : 256;
        room = room > p->records_max ? p->records_max : room;
        struct kinesis_record *grown = arena_take(a, room * sizeof(*grown));
        if (!grown)
            return NO_MEMORY;
        if (p->count)
            memcpy(grown, p->records, p->count * sizeof(*grown));
        p->records = grown;
        p->room = room;
    }
    char *text = arena_take(a, SEQUENCE_TEXT_BYTES);
    if (!text)
        return NO_MEMORY;
    size_t len = shard_sequence_at(p->shard, record->offset, record->time_ms, text);
    p->records[p->count++] = (struct kinesis_record){
        .sequence_number = bytes_of(text, len),
        .approximate_arrival_timestamp = {(int64_t)record->time_ms, true},
        .data = record->data,
        .partition_key = record->key,
        .encryption_type = encrypted ? BYTES_LITERAL("KMS") : BYTES_NONE,
    };
    p->bytes += record->data.len + record->key.len;
    p->last_ms = record->time_ms;
    return OK;
}

/* END when the page is full. */
static enum status walk_batch(struct record_page *p, struct batch_opener *opener,
                              struct bytes batch, const struct batch_header *h, struct fault *f)
{
    if (h->flags & BATCH_CONTROL) {
        p->next = h->base_offset + h->count;
        return OK;
    }
    struct record_walk walk;
    struct record record;
    struct bytes body;
    enum status st = batch_open(opener, p->shard->index, batch, h, p->arena, &body, f);
    if (st != OK)
        return p->count && st != CORRUPT ? END : st; /* P3 */
    record_walk_body_init(&walk, body, h);
    while ((st = record_walk_next(&walk, &record, f)) == OK) {
        if (record.offset < p->next)
            continue;
        if (record.time_ms >= p->horizon_ms) { /* P1 */
            size_t more = record.data.len + record.key.len;
            if (p->count == p->records_max || (p->count && p->bytes + more > p->bytes_max))
                return END;
            if (add_record(p, &record, h->flags & BATCH_ENCRYPTED) != OK)
                return p->count ? END : fault_set(f, NO_MEMORY, "no memory for the answer");
        }
        p->next = record.offset + 1; /* P2 */
    }
    return st == END ? OK : st;
}

/* The batches of one stored value; they were checked when it was read. */
static enum status walk_span(struct record_page *p, struct batch_opener *opener,
                             const struct log_span *span, struct fault *f)
{
    struct bytes rest = bytes_of(span->bytes, span->len);
    enum status st = OK;
    while (st == OK && rest.len) {
        struct batch_header h;
        st = batch_header_read(rest, &h, f);
        if (st != OK)
            return st;
        size_t len = BATCH_HEADER_BYTES + h.body_len;
        if (h.base_offset + h.count > p->next)
            st = walk_batch(p, opener, bytes_of(rest.at, len), &h, f);
        rest = bytes_of(rest.at + len, rest.len - len);
    }
    return st;
}

enum status record_page_fill(struct record_page *p, const struct log_read *read, struct fault *f)
{
    enum status st = OK;
    struct batch_opener opener;
    batch_opener_init(&opener, p->view, p->service->streams, p->service->master_keys);
    if (read->offset > p->next)
        p->next = read->offset; /* the log begins later by now */
    for (uint32_t i = 0; i < read->span_count && st == OK; i++)
        st = walk_span(p, &opener, read->spans[i], f);
    batch_opener_fini(&opener);
    return st < 0 ? st : OK;
}

static struct bytes id_of(uint32_t index, struct arena *a)
{
    char id[SHARD_ID_BYTES];
    shard_id_print(index, id);
    return arena_copy(a, bytes_text(id));
}

struct kinesis_child_shard_list children_describe(const struct stream_view *v,
                                                  const struct shard *shard, struct arena *a)
{
    enum { CHILDREN_MAX = 2, PARENTS_MAX = 2 };
    struct kinesis_child_shard *children = arena_zero(a, CHILDREN_MAX * sizeof(*children));
    uint32_t count = 0;
    for (uint32_t i = 0; children && i < v->shard_count && count < CHILDREN_MAX; i++) {
        const struct shard *s = v->shards[i];
        if (s->parent != shard->index && s->adjacent != shard->index)
            continue;
        struct bytes *parents = arena_zero(a, PARENTS_MAX * sizeof(*parents));
        if (!parents)
            break;
        uint32_t parent_count = 0;
        const int64_t both[] = {s->parent, s->adjacent};
        for (int p = 0; p < PARENTS_MAX; p++)
            if (both[p] != SHARD_NONE)
                parents[parent_count++] = id_of((uint32_t)both[p], a);
        children[count++] = (struct kinesis_child_shard){
            .shard_id = id_of(s->index, a),
            .parent_shards = {.count = parent_count, .present = true, .at = parents},
            .hash_key_range = hash_range_describe(s, a),
        };
    }
    return (struct kinesis_child_shard_list){.count = count, .present = true, .at = children};
}
