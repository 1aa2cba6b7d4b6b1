/* scan.c: reads a stream from its oldest record to its newest.
 *
 * Each answer holds the iterator that the next request needs, so these requests alone are signed
 * while the clock runs: microseconds beside an answer of up to 13 MB. */
#include "bench/support/scan.h"

#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/must.h"
#include "bench/support/ring.h"

/* As the KCL asks; an answer of 10 MiB of records ends earlier. */
enum { LIMIT = 10000, BODY_BYTES = ITERATOR_BYTES_MAX + 64 };

struct scan_shard {
    char iterator[ITERATOR_BYTES_MAX];
    bool ended;
    uint64_t records;
    struct buf made;
    struct request request;
};

struct scan {
    struct load_source source;
    const struct caller *caller;
    uint64_t records_max;
    struct scan_shard *shards;
};

static const struct request *next(struct load_source *source, unsigned connection)
{
    struct scan *scan = LIST_OWNER(source, struct scan, source);
    struct scan_shard *s = &scan->shards[connection];
    struct buf body;
    if (s->ended)
        return NULL;
    buf_init(&body, BODY_BYTES);
    buf_printf(&body, "{\"ShardIterator\":\"%s\",\"Limit\":%d}", s->iterator, LIMIT);
    buf_clear(&s->made);
    caller_head(scan->caller, "GetRecords", buf_view(&body), &s->made);
    buf_append(&s->made, buf_view(&body));
    must(body.status == OK && s->made.status == OK);
    buf_fini(&body);
    s->request = (struct request){.head = buf_view(&s->made)};
    return &s->request;
}

/* What follows the records: the next iterator and how far behind this one is. */
static struct bytes end_of(struct bytes body)
{
    static const struct bytes records_end = BYTES_LITERAL("],\"");
    const uint8_t *at = memrchr(body.at, ']', body.len);
    if (!at || !bytes_starts_with(bytes_of(at, (size_t)(body.at + body.len - at)), records_end))
        return BYTES_NONE;
    return bytes_of(at, (size_t)(body.at + body.len - at));
}

static bool judge(struct load_source *source, unsigned connection, const struct request *request,
                  int status, struct bytes body, uint64_t *records)
{
    static const struct bytes at_the_tip = BYTES_LITERAL("\"MillisBehindLatest\":0");
    struct scan *scan = LIST_OWNER(source, struct scan, source);
    struct scan_shard *s = &scan->shards[connection];
    struct bytes end = end_of(body);
    struct bytes iterator = json_text_member(end, "NextShardIterator");
    (void)request;
    *records = get_records_count(body);
    s->records += *records;
    s->ended = true;
    if (status != 200 || iterator.len == 0 || iterator.len >= ITERATOR_BYTES_MAX)
        return false;
    memcpy(s->iterator, iterator.at, iterator.len);
    s->iterator[iterator.len] = '\0';
    s->ended = memmem(end.at, end.len, at_the_tip.at, at_the_tip.len) ||
               (scan->records_max > 0 && s->records >= scan->records_max);
    return true;
}

void scan_run(const struct server *server, const struct scan_plan *plan, struct load_result *result)
{
    struct scan scan = {.source = {.next = next, .judge = judge},
                        .caller = &server->caller,
                        .records_max = plan->records_max,
                        .shards = mem_must(plan->shards * sizeof(*scan.shards))};
    const struct load_settings load = {.port = server->port,
                                       .connections = plan->shards,
                                       .answer_bytes_max = REPLY_BYTES_MAX,
                                       .server_pid = server->pid};
    for (unsigned i = 0; i < plan->shards; i++) {
        buf_init(&scan.shards[i].made, KIB(64));
        caller_iterator(&server->caller, plan->stream, i, "TRIM_HORIZON", scan.shards[i].iterator);
    }
    load_run(&load, &scan.source, result);
    load_must_be_right(result, "GetRecords");
    for (unsigned i = 0; i < plan->shards; i++)
        buf_fini(&scan.shards[i].made);
    mem_free(scan.shards);
}
