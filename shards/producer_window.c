/* producer_window.c: see producer_window.h.
 *
 * Nearly every put brings numbers above all that were seen: one comparison. Others are looked for block by block; only those blocks are decoded whose numbers
 * reach over the put's. */
#include "shards/producer_window.h"

#include "base/mem.h"
#include "base/must.h"
#include "shards/stamp.h"

#include <stdlib.h>

enum { RUN_BYTES_MAX = 5 * VARINT_BYTES_MAX, HAS_OFFSET = 1, HAS_TIME = 2, HAS_SHARD = 4 };
_Static_assert((int)RUN_BYTES_MAX < (int)WINDOW_BLOCK_BYTES, "a run fits an empty block");
_Static_assert(WINDOW_BLOCK_NUMBERS_MAX >= PUT_RECORDS_MAX, "a run fits an empty block");

void window_init(struct producer_window *w)
{
    *w = (struct producer_window){0};
    list_init(&w->blocks);
}

static void drop_block(struct producer_window *w, struct window_block *b)
{
    w->numbers -= b->numbers;
    w->block_count--;
    list_remove(&b->node);
    mem_free(b);
}

static void drop_blocks(struct producer_window *w)
{
    LIST_EACH(node, keep, &w->blocks)
    drop_block(w, LIST_OWNER(node, struct window_block, node));
}

void window_fini(struct producer_window *w)
{
    drop_blocks(w);
}

void window_begin(struct producer_window *w, uint64_t epoch)
{
    drop_blocks(w);
    w->begun = true;
    w->epoch = epoch;
    w->floor = w->highest = 0;
}

/* ---- blocks ---- */

static size_t run_pack(const struct number_run *run, const struct number_run *expected,
                       uint8_t out[RUN_BYTES_MAX])
{
    unsigned more = (run->offset != expected->offset ? HAS_OFFSET : 0) |
                    (run->time_s != expected->time_s ? HAS_TIME : 0) |
                    (run->shard != expected->shard ? HAS_SHARD : 0);
    uint8_t *at = varint_put(out, zigzag(run->first - expected->first));
    at = varint_put(at, (uint64_t)(run->count - 1) << 3 | more);
    if (more & HAS_OFFSET)
        at = varint_put(at, zigzag(run->offset - expected->offset));
    if (more & HAS_TIME)
        at = varint_put(at, zigzag(run->time_s - expected->time_s));
    if (more & HAS_SHARD)
        at = varint_put(at, run->shard);
    return (size_t)(at - out);
}

/* *run is what is expected, and becomes what is there. */
static bool run_take(struct bytes *from, struct number_run *run)
{
    uint64_t difference, count, offset = 0, time = 0, shard = run->shard;
    if (!varint_take(from, &difference) || !varint_take(from, &count))
        return false;
    if (((count & HAS_OFFSET) && !varint_take(from, &offset)) ||
        ((count & HAS_TIME) && !varint_take(from, &time)) ||
        ((count & HAS_SHARD) && !varint_take(from, &shard)))
        return false;
    if (count >> 3 >= WINDOW_BLOCK_NUMBERS_MAX || shard > UINT32_MAX)
        return false;
    run->first += zagzig(difference);
    run->offset += zagzig(offset);
    run->time_s += zagzig(time);
    run->count = (uint32_t)(count >> 3) + 1;
    run->shard = (uint32_t)shard;
    return run->first <= UINT64_MAX - run->count && run->offset <= UINT64_MAX - run->count;
}

static void expect_next(struct number_run *run)
{
    run->first += run->count;
    run->offset += run->count;
}

/* A walk over a block's runs, or a list's: a block that is here was checked. */
struct run_walk {
    struct bytes rest;
    struct number_run run;
};

static struct run_walk walk_block(const struct window_block *b)
{
    return (struct run_walk){.rest = bytes_of(b->bytes, b->len)};
}

static bool walk_next(struct run_walk *k)
{
    if (k->rest.len == 0)
        return false;
    expect_next(&k->run);
    must(run_take(&k->rest, &k->run));
    return true;
}

static struct window_block *add_block(struct producer_window *w)
{
    struct window_block *b = MEM_NEW(struct window_block);
    b->place = w->next_place++;
    b->lowest = UINT64_MAX;
    list_append(&w->blocks, &b->node);
    w->block_count++;
    return b;
}

static void count_run(struct producer_window *w, struct window_block *b,
                      const struct number_run *run)
{
    uint64_t last = run->first + run->count - 1;
    b->lowest = run->first < b->lowest ? run->first : b->lowest;
    b->highest = last > b->highest ? last : b->highest;
    b->numbers += run->count;
    b->expected = *run;
    expect_next(&b->expected);
    w->numbers += run->count;
    w->highest = last > w->highest ? last : w->highest;
}

void window_add(struct producer_window *w, const struct number_run *run)
{
    uint8_t packed[RUN_BYTES_MAX];
    struct window_block *b = window_last(w);
    must(run->count > 0 && run->count <= WINDOW_BLOCK_NUMBERS_MAX);
    size_t len = b ? run_pack(run, &b->expected, packed) : 0;
    if (!b || b->len + len > WINDOW_BLOCK_BYTES ||
        b->numbers + run->count > WINDOW_BLOCK_NUMBERS_MAX) {
        b = add_block(w);
        len = run_pack(run, &b->expected, packed);
    }
    memcpy(b->bytes + b->len, packed, len);
    b->len += (uint32_t)len;
    count_run(w, b, run);
    for (b = window_first(w); w->numbers - b->numbers >= PRODUCER_NUMBERS_MIN;
         b = window_first(w)) {                                        /* W1 */
        w->floor = b->highest >= w->floor ? b->highest + 1 : w->floor; /* W2 */
        drop_block(w, b);
    }
}

enum status window_load(struct producer_window *w, uint64_t place, struct bytes runs,
                        struct fault *f)
{
    struct bytes rest = runs;
    struct number_run run = {0};
    uint64_t numbers = 0;
    bool fits = runs.len > 0 && runs.len <= WINDOW_BLOCK_BYTES;
    while (fits && rest.len) {
        expect_next(&run);
        fits = run_take(&rest, &run);
        numbers += run.count;
    }
    if (!fits || numbers > WINDOW_BLOCK_NUMBERS_MAX || place < w->next_place || place == UINT64_MAX)
        return fault_set(f, CORRUPT, "a block of a producer's numbers cannot be read");
    w->next_place = place;
    struct window_block *b = add_block(w);
    memcpy(b->bytes, runs.at, runs.len);
    b->len = (uint32_t)runs.len;
    for (struct run_walk k = walk_block(b); walk_next(&k);)
        count_run(w, b, &k.run);
    return OK;
}

/* ---- looking ---- */

/* The first place whose number is not below `number`. */
static uint32_t lower_bound(const struct log_stamp *s, uint64_t number)
{
    uint32_t low = 0, high = s->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->numbers[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool window_match(struct log_stamp *s, const struct number_run *run, bool answer)
{
    uint64_t last = run->first + run->count - 1;
    bool any = false;
    for (uint32_t i = s->ascending ? lower_bound(s, run->first) : 0; i < s->count; i++) {
        uint64_t number = s->numbers[i];
        if (number > last && s->ascending)
            break;
        if (number < run->first || number > last)
            continue;
        any = true;
        if (!answer)
            break;
        s->answers[i] = (struct log_number){.state = NUMBER_STORED,
                                            .shard = run->shard,
                                            .offset = run->offset + (number - run->first),
                                            .time_ms = run->time_s * 1000};
    }
    return any;
}

bool window_find(const struct producer_window *w, struct log_stamp *s, bool answer)
{
    bool any = s->lowest < w->floor;
    for (uint32_t i = 0; answer && i < s->count; i++)
        s->answers[i] =
            (struct log_number){.state = s->numbers[i] < w->floor ? NUMBER_FORGOTTEN : NUMBER_NEW};
    if (w->numbers == 0 || s->lowest > w->highest)
        return any;
    LIST_EACH(node, keep, &w->blocks)
    {
        const struct window_block *b = LIST_OWNER(node, struct window_block, node);
        if (any && !answer)
            break;
        if (s->lowest > b->highest || s->highest < b->lowest)
            continue;
        for (struct run_walk k = walk_block(b); walk_next(&k) && (answer || !any);)
            any = window_match(s, &k.run, answer) || any;
    }
    return any;
}

/* ---- made anew ---- */

struct run_list {
    struct number_run *at;
    size_t count, room;
};

static void list_runs(struct run_list *l, const struct producer_window *w)
{
    LIST_EACH(node, keep, &w->blocks)
    {
        const struct window_block *b = LIST_OWNER(node, struct window_block, node);
        for (struct run_walk k = walk_block(b); walk_next(&k);) {
            if (l->count == l->room) {
                l->room = l->room ? 2 * l->room : 64;
                l->at = mem_resize_must(l->at, l->room * sizeof(*l->at));
            }
            l->at[l->count++] = k.run;
        }
    }
}

static int by_number(const void *a, const void *b)
{
    const struct number_run *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* Both may know a number: when it was taken over before. */
static void add_once(struct producer_window *w, const struct run_list *l)
{
    uint64_t next = 0;
    for (size_t i = 0; i < l->count; i++) {
        struct number_run run = l->at[i];
        uint64_t end = run.first + run.count;
        if (end <= next)
            continue;
        if (run.first < next) {
            run.offset += next - run.first;
            run.first = next;
            run.count = (uint32_t)(end - next);
        }
        window_add(w, &run);
        next = end;
    }
}

/* By number: of two logs that become one, the lowest are forgotten first. */
void window_take(struct producer_window *w, const struct producer_window *from)
{
    struct run_list l = {0};
    if (!from->begun || (w->begun && from->epoch < w->epoch))
        return;
    if (w->begun && w->epoch == from->epoch)
        list_runs(&l, w);
    list_runs(&l, from);
    uint64_t floor =
        w->begun && w->epoch == from->epoch && w->floor > from->floor ? w->floor : from->floor;
    if (l.count)
        qsort(l.at, l.count, sizeof(*l.at), by_number);
    window_begin(w, from->epoch);
    w->floor = floor;
    add_once(w, &l);
    mem_free(l.at);
}

static int by_offset(const void *a, const void *b)
{
    const struct number_run *x = a, *y = b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* By offset; what both know, once. */
static void add_own(struct producer_window *w, const struct number_run *runs, size_t count)
{
    uint64_t next = 0;
    for (size_t i = 0; i < count; i++) {
        struct number_run run = runs[i];
        uint64_t end = run.offset + run.count;
        if (end <= next)
            continue;
        if (run.offset < next) {
            run.first += next - run.offset;
            run.count = (uint32_t)(end - next);
            run.offset = next;
        }
        window_add(w, &run);
        next = end;
    }
}

/* What was taken over from other logs came before all that is this one's. */
void window_insert(struct producer_window *w, const struct producer_window *late, uint32_t shard)
{
    struct run_list l = {0};
    size_t others = 0;
    uint64_t floor = late->floor;
    if (!late->begun || (w->begun && late->epoch < w->epoch))
        return;
    if (w->begun && late->epoch == w->epoch) {
        list_runs(&l, w);
        floor = w->floor > floor ? w->floor : floor;
    }
    while (others < l.count && l.at[others].shard != shard)
        others++;
    list_runs(&l, late);
    if (l.count > others)
        qsort(l.at + others, l.count - others, sizeof(*l.at), by_offset);
    window_begin(w, late->epoch);
    w->floor = floor;
    for (size_t i = 0; i < others; i++)
        window_add(w, &l.at[i]);
    if (l.count > others)
        add_own(w, l.at + others, l.count - others);
    mem_free(l.at);
}

void window_cut(struct producer_window *w, uint32_t shard, uint64_t end)
{
    struct run_list l = {0};
    uint64_t floor = w->floor;
    list_runs(&l, w);
    window_begin(w, w->epoch);
    w->floor = floor;
    for (size_t i = 0; i < l.count; i++) {
        struct number_run *run = &l.at[i];
        if (run->shard == shard && run->offset >= end)
            continue;
        if (run->shard == shard && run->count > end - run->offset)
            run->count = (uint32_t)(end - run->offset);
        window_add(w, run);
    }
    mem_free(l.at);
}
