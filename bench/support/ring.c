/* ring.c: requests made before the clock starts.
 *
 *   PutRecords:  head: HTTP, signature, {"StreamName":"put-0",      tail: "Records":[...]}
 *   others:      head: all of it
 *
 * The stream stands first in a PutRecords, so that requests to a thousand streams share some large
 * lists of records.
 *
 * Judging is cheap, as it takes its time from the server: an answer must be 200 and say the one
 * thing that only success says. */
#include "bench/support/ring.h"

#include "base/digest.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/random.h"
#include "wire/base64.h"
#include "wire/cbor.h"
#include "wire/json.h"
#include "wire/model/kinesis.h"

enum { KEY_BYTES = 16, ARENA_MIB_MAX = 4096 };

/* ---- handing out and judging ---- */

static const struct request *next(struct load_source *source, unsigned connection)
{
    struct ring *ring = LIST_OWNER(source, struct ring, source);
    (void)connection;
    if (ring->left == 0)
        return NULL;
    ring->left--;
    const struct request *r = &ring->requests[ring->at];
    ring->at = ring->at + 1 < ring->count ? ring->at + 1 : 0;
    return r;
}

static bool has(struct bytes body, struct bytes words)
{
    return memmem(body.at, body.len, words.at, words.len) != NULL;
}

static bool judge_put_record(struct load_source *source, unsigned connection,
                             const struct request *request, int status, struct bytes body,
                             uint64_t *records)
{
    (void)source;
    (void)connection;
    *records = request->records;
    return status == 200 && has(body, BYTES_LITERAL("\"SequenceNumber\":\""));
}

static bool judge_put_records(struct load_source *source, unsigned connection,
                              const struct request *request, int status, struct bytes body,
                              uint64_t *records)
{
    (void)source;
    (void)connection;
    *records = request->records;
    return status == 200 && has(body, BYTES_LITERAL("\"FailedRecordCount\":0,"));
}

uint64_t get_records_count(struct bytes body)
{
    uint64_t braces = 0;
    const uint8_t *at = body.at, *end = body.at + body.len;
    while ((at = memchr(at, '{', (size_t)(end - at)))) {
        braces++;
        at++;
    }
    return braces > 0 ? braces - 1 : 0;
}

static bool judge_get_records(struct load_source *source, unsigned connection,
                              const struct request *request, int status, struct bytes body,
                              uint64_t *records)
{
    (void)source;
    (void)connection;
    *records = get_records_count(body);
    return status == 200 && *records == request->records;
}

/* ---- making ---- */

static void ring_init(struct ring *ring, unsigned count,
                      bool (*judge)(struct load_source *, unsigned, const struct request *, int,
                                    struct bytes, uint64_t *))
{
    must(count > 0);
    *ring = (struct ring){.source = {.next = next, .judge = judge},
                          .left = UINT64_MAX,
                          .requests = mem_must(count * sizeof(struct request)),
                          .count = count};
    arena_init(&ring->arena, MIB(ARENA_MIB_MAX));
}

static struct bytes keep(struct ring *ring, struct buf *made)
{
    if (made->status != OK)
        die("a request that does not fit");
    struct bytes kept = arena_copy(&ring->arena, buf_view(made));
    if (!bytes_present(kept))
        die("no memory for the requests");
    buf_clear(made);
    return kept;
}

/* "Data":"...","PartitionKey":"..." */
static void append_record(struct buf *out, uint8_t *data, unsigned data_len)
{
    uint8_t key[KEY_BYTES / 2];
    char key_text[KEY_BYTES + 1];
    random_bytes(key, sizeof(key));
    hex_print(bytes_of(key, sizeof(key)), key_text);
    random_bytes(data, data_len);
    buf_append_text(out, "\"Data\":\"");
    size_t len = base64_encoded_len(data_len);
    uint8_t *text = buf_reserve(out, len);
    if (text) {
        base64_encode(bytes_of(data, data_len), text);
        buf_add(out, len);
    }
    buf_printf(out, "\",\"PartitionKey\":\"%s\"", key_text);
}

/* What follows the stream's name in a body. */
static void append_tail(struct buf *out, const struct put_plan *plan, uint8_t *data)
{
    if (plan->records == 0)
        append_record(out, data, plan->record_bytes);
    else
        buf_append_text(out, "\"Records\":[");
    for (unsigned i = 0; i < plan->records; i++) {
        buf_append_text(out, i > 0 ? ",{" : "{");
        append_record(out, data, plan->record_bytes);
        buf_append_byte(out, '}');
    }
    buf_append_text(out, plan->records == 0 ? "}" : "]}");
}

static struct bytes *make_tails(struct ring *ring, const struct put_plan *plan, unsigned count)
{
    struct bytes *tails = mem_must(count * sizeof(*tails));
    uint8_t *data = mem_must(plan->record_bytes);
    struct buf tail;
    buf_init(&tail, REQUEST_BODY_BYTES_MAX);
    for (unsigned i = 0; i < count; i++) {
        append_tail(&tail, plan, data);
        tails[i] = keep(ring, &tail);
    }
    buf_fini(&tail);
    mem_free(data);
    return tails;
}

void ring_put(struct ring *ring, const struct caller *c, const struct put_plan *plan)
{
    bool one = plan->records == 0;
    unsigned bodies = one ? plan->requests : plan->bodies;
    struct buf body, head;
    ring_init(ring, plan->requests, one ? judge_put_record : judge_put_records);
    struct bytes *tails = make_tails(ring, plan, bodies);
    buf_init(&body, REQUEST_BODY_BYTES_MAX);
    buf_init(&head, REQUEST_BODY_BYTES_MAX);
    for (unsigned i = 0; i < plan->requests; i++) {
        struct bytes tail = tails[i % bodies];
        buf_clear(&body);
        buf_printf(&body, "{\"StreamName\":\"%s-%u\",", plan->prefix, i % plan->streams);
        struct bytes begin = bytes_of(NULL, body.len);
        buf_append(&body, tail);
        begin.at = body.at;
        caller_head(c, one ? "PutRecord" : "PutRecords", buf_view(&body), &head);
        buf_append(&head, one ? buf_view(&body) : begin);
        ring->requests[i] = (struct request){.head = keep(ring, &head),
                                             .tail = one ? BYTES_NONE : tail,
                                             .records = one ? 1 : plan->records};
    }
    buf_fini(&body);
    buf_fini(&head);
    mem_free(tails);
}

void ring_put_all(const struct caller *c, const struct put_plan *plan, uint64_t requests,
                  struct load_result *result)
{
    struct ring ring;
    struct load_settings load = {.port = c->port, .connections = 8, .answer_bytes_max = MIB(1)};
    ring_put(&ring, c, plan);
    ring.left = requests;
    load_run(&load, &ring.source, result);
    load_must_be_right(result, "PutRecords");
    ring_fini(&ring);
}

static bool judge_get_records_cbor(struct load_source *source, unsigned connection,
                                   const struct request *request, int status, struct bytes body,
                                   uint64_t *records)
{
    (void)source;
    (void)connection;
    *records = request->records;
    return status == 200 && has(body, BYTES_LITERAL("SequenceNumber"));
}

static void append_get(struct buf *out, bool cbor, const char *iterator, unsigned limit)
{
    const struct kinesis_get_records_input in = {.shard_iterator = bytes_text(iterator),
                                                 .limit = {limit, true}};
    if (cbor)
        cbor_encode(&shape_kinesis_get_records_input, &in, out);
    else
        json_encode(&shape_kinesis_get_records_input, &in, out);
}

void ring_get(struct ring *ring, const struct caller *c, char (*iterators)[ITERATOR_BYTES_MAX],
              unsigned count, unsigned limit)
{
    struct buf request, body;
    ring_init(ring, count, c->cbor ? judge_get_records_cbor : judge_get_records);
    buf_init(&request, MIB(1));
    buf_init(&body, MIB(1));
    for (unsigned i = 0; i < count; i++) {
        buf_clear(&body);
        append_get(&body, c->cbor, iterators[i], limit);
        caller_head(c, "GetRecords", buf_view(&body), &request);
        buf_append(&request, buf_view(&body));
        ring->requests[i] = (struct request){.head = keep(ring, &request), .records = limit};
    }
    buf_fini(&request);
    buf_fini(&body);
}

void ring_fini(struct ring *ring)
{
    arena_fini(&ring->arena);
    mem_free(ring->requests);
}
