/* log_driver.c: see log_driver.h. Completions come on other threads: each call waits under a lock
 * of its own. */
#include "support/log_driver.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/must.h"
#include "shards/record.h"
#include "shards/stamp.h"

#include <stdio.h>

struct latch {
    struct lock mu;
    struct signal changed;
    unsigned left;
};

static void latch_init(struct latch *l, unsigned count)
{
    lock_init(&l->mu, LOCK_TEST);
    signal_init(&l->changed);
    l->left = count;
}

static void latch_count(struct latch *l)
{
    lock_take(&l->mu);
    l->left--;
    signal_all(&l->changed);
    lock_drop(&l->mu);
}

static void latch_wait(struct latch *l)
{
    lock_take(&l->mu);
    while (l->left)
        signal_wait(&l->changed, &l->mu);
    lock_drop(&l->mu);
    signal_fini(&l->changed);
    lock_fini(&l->mu);
}

struct one {
    struct log_append append;
    struct latch *latch;
    uint8_t *body;
};

static void appended(struct log_append *a)
{
    latch_count(LIST_OWNER(a, struct one, append)->latch);
}

static void prepare(struct one *o, struct log *l, struct latch *latch, struct bytes text,
                    size_t pad)
{
    size_t len = text.len + pad;
    uint8_t *data = mem_must(len + 1);
    memset(data, ' ', len);
    memcpy(data, text.at, text.len);
    o->body = mem_must(record_packed_len(1, len, false));
    uint8_t *end = record_pack(o->body, BYTES_LITERAL("k"), bytes_of(data, len), NULL);
    mem_free(data);
    struct bytes body = bytes_of(o->body, (size_t)(end - o->body));
    o->latch = latch;
    o->append = (struct log_append){
        .log = l, .body = body, .body_crc = crc32c_extend(0, body), .count = 1, .done = appended};
}

enum status driver_append(struct log_engine *e, struct log *l, const char *text, uint64_t *offset)
{
    return driver_append_bytes(e, l, bytes_text(text), offset);
}

enum status driver_append_bytes(struct log_engine *e, struct log *l, struct bytes data,
                                uint64_t *offset)
{
    struct latch latch;
    struct one o;
    latch_init(&latch, 1);
    prepare(&o, l, &latch, data, 0);
    log_append_all(e, (struct log_append *[]){&o.append}, 1);
    latch_wait(&latch);
    mem_free(o.body);
    if (offset)
        *offset = o.append.first_offset;
    return o.append.status;
}

enum status driver_seal(struct log_engine *e, struct log *l)
{
    struct latch latch;
    struct one o = {.latch = &latch};
    static const uint8_t body[8] = {1};
    latch_init(&latch, 1);
    o.append = (struct log_append){.log = l,
                                   .body = bytes_of(body, 8),
                                   .body_crc = crc32c_extend(0, bytes_of(body, 8)),
                                   .count = 1,
                                   .control = true,
                                   .seals = true,
                                   .done = appended};
    log_append_all(e, (struct log_append *[]){&o.append}, 1);
    latch_wait(&latch);
    return o.append.status;
}

unsigned driver_append_many(struct log_engine *e, struct log *l, const char *prefix, unsigned count,
                            size_t pad)
{
    struct latch latch;
    struct one *all = mem_must(count * sizeof(*all));
    struct log_append **appends = mem_must(count * sizeof(*appends));
    latch_init(&latch, count);
    for (unsigned i = 0; i < count; i++) {
        char text[64];
        snprintf(text, sizeof(text), "%s-%u", prefix, i);
        prepare(&all[i], l, &latch, bytes_text(text), pad);
        appends[i] = &all[i].append;
    }
    log_append_all(e, appends, count);
    latch_wait(&latch);
    unsigned done = 0;
    for (unsigned i = 0; i < count; i++) {
        done += all[i].append.status == OK;
        mem_free(all[i].body);
    }
    mem_free(all);
    mem_free(appends);
    return done;
}

/* ---- with a stamp ---- */

struct stamped {
    struct one one;
    struct log_stamp stamp;
    uint64_t numbers[DRIVER_NUMBERS_MAX];
};

static void prepare_stamped(struct stamped *s, struct driver_put *p, struct latch *latch)
{
    enum { TEXT_BYTES = 80 };
    must(p->count <= DRIVER_NUMBERS_MAX);
    for (uint32_t i = 0; i < p->count; i++)
        s->numbers[i] = p->numbers ? p->numbers[i] : p->first + i;
    s->stamp = (struct log_stamp){
        .epoch = p->epoch, .numbers = s->numbers, .count = p->count, .answers = p->answers};
    snprintf((char *)s->stamp.producer, PRODUCER_ID_BYTES, "%s", p->producer);
    stamp_measure(&s->stamp);
    s->one.body = mem_must(p->count * TEXT_BYTES + s->stamp.stored_len);
    uint8_t *at = s->one.body;
    for (uint32_t i = 0; i < p->count; i++) {
        char text[TEXT_BYTES];
        snprintf(text, sizeof(text), "%s-%llu-%llu", p->producer, (unsigned long long)p->epoch,
                 (unsigned long long)s->numbers[i]);
        at = record_pack(at, BYTES_LITERAL("k"), bytes_text(text), NULL);
    }
    at = stamp_pack(at, &s->stamp);
    struct bytes body = bytes_of(s->one.body, (size_t)(at - s->one.body));
    s->one.latch = latch;
    s->one.append = (struct log_append){.log = p->log,
                                        .body = body,
                                        .body_crc = crc32c_extend(0, body),
                                        .count = p->count,
                                        .stamp = &s->stamp,
                                        .done = appended};
}

void driver_put_all(struct log_engine *e, struct driver_put *puts, unsigned count)
{
    struct latch latch;
    struct stamped *all = mem_must(count * sizeof(*all));
    struct log_append **appends = mem_must(count * sizeof(*appends));
    latch_init(&latch, count);
    for (unsigned i = 0; i < count; i++) {
        prepare_stamped(&all[i], &puts[i], &latch);
        appends[i] = &all[i].one.append;
    }
    log_append_all(e, appends, count);
    latch_wait(&latch);
    for (unsigned i = 0; i < count; i++) {
        puts[i].status = all[i].one.append.status;
        puts[i].offset = all[i].one.append.first_offset;
        puts[i].time_ms = all[i].one.append.time_ms;
        puts[i].newest_epoch = all[i].stamp.newest_epoch;
        mem_free(all[i].one.body);
    }
    mem_free(all);
    mem_free(appends);
}

struct reading {
    struct log_read read;
    struct latch latch;
};

static void was_read(struct log_read *r)
{
    latch_count(&LIST_OWNER(r, struct reading, read)->latch);
}

static void each_record(const struct log_span *s, uint64_t *next,
                        void (*each)(void *, uint64_t, const char *), void *arg)
{
    for (size_t at = 0; at < s->len;) {
        struct batch_header h;
        struct bytes batch = bytes_of(s->bytes + at, s->len - at);
        must(batch_header_read(batch, &h, NULL) == OK && batch_check(batch, &h, NULL) == OK);
        at += BATCH_HEADER_BYTES + h.body_len;
        struct record_walk walk;
        struct record r;
        record_walk_init(&walk, batch, &h);
        while (!(h.flags & BATCH_CONTROL) && record_walk_next(&walk, &r, NULL) == OK) {
            if (r.offset < *next)
                continue;
            must(r.offset == *next);
            char text[64];
            struct bytes shown = r.data;
            while (shown.len && shown.at[shown.len - 1] == ' ')
                shown.len--;
            snprintf(text, sizeof(text), "%.*s", BYTES_ARGS(shown));
            each(arg, r.offset, text);
            *next = r.offset + 1;
        }
        if (h.flags & BATCH_CONTROL && h.base_offset >= *next)
            *next = h.base_offset + h.count;
    }
}

/* Waits for it; log_read_release and mem_free are the caller's. */
static struct reading *read_from(struct log *l, uint64_t from)
{
    struct reading *r = MEM_NEW(struct reading);
    latch_init(&r->latch, 1);
    r->read = (struct log_read){.log = l,
                                .kind = LOG_READ_FROM,
                                .from = from,
                                .bytes_max = 1 << 20,
                                .count_max = 10000,
                                .done = was_read};
    log_read(&r->read);
    latch_wait(&r->latch);
    return r;
}

uint8_t *driver_raw(struct log *l, size_t *len)
{
    struct buf all;
    struct log_bounds bounds;
    buf_init(&all, 64 << 20);
    log_bounds(l, &bounds);
    for (uint64_t next = bounds.begin; next < bounds.end;) {
        struct reading *r = read_from(l, next);
        must(r->read.status == OK && r->read.span_count > 0);
        for (uint32_t i = 0; i < r->read.span_count; i++) {
            const struct log_span *s = r->read.spans[i];
            buf_append(&all, bytes_of(s->bytes, s->len));
            for (size_t at = 0; at < s->len;) {
                struct batch_header h;
                must(batch_header_read(bytes_of(s->bytes + at, s->len - at), &h, NULL) == OK);
                next = h.base_offset + h.count;
                at += BATCH_HEADER_BYTES + h.body_len;
            }
        }
        log_read_release(&r->read);
        mem_free(r);
    }
    return buf_take(&all, len);
}

enum status driver_read(struct log *l, uint64_t from, uint64_t *next,
                        void (*each)(void *, uint64_t offset, const char *text), void *arg,
                        struct fault *f)
{
    struct reading *r = read_from(l, from);
    enum status st = r->read.status;
    if (f)
        *f = r->read.fault;
    *next = r->read.offset > from ? r->read.offset : from;
    for (uint32_t i = 0; st == OK && i < r->read.span_count; i++)
        each_record(r->read.spans[i], next, each, arg);
    log_read_release(&r->read);
    mem_free(r);
    return st;
}

struct many {
    struct log_read read;
    struct latch *latch;
};

static void one_was_read(struct log_read *r)
{
    latch_count(LIST_OWNER(r, struct many, read)->latch);
}

unsigned driver_read_many(struct log *l, unsigned count, uint64_t step)
{
    struct latch latch;
    struct many *all = mem_must(count * sizeof(*all));
    unsigned good = 0;
    latch_init(&latch, count);
    for (unsigned i = 0; i < count; i++) {
        all[i].latch = &latch;
        all[i].read = (struct log_read){.log = l,
                                        .kind = LOG_READ_FROM,
                                        .from = i * step,
                                        .bytes_max = 1 << 20,
                                        .count_max = 10000,
                                        .done = one_was_read};
        log_read(&all[i].read);
    }
    latch_wait(&latch);
    for (unsigned i = 0; i < count; i++) {
        good += all[i].read.status == OK;
        if (all[i].read.status != OK)
            fprintf(stderr, "a read: %s\n", all[i].read.fault.text);
        log_read_release(&all[i].read);
    }
    mem_free(all);
    return good;
}

static void join(void *arg, uint64_t offset, const char *text)
{
    struct buf *b = arg;
    (void)offset;
    if (b->len)
        buf_append_byte(b, ',');
    buf_append_text(b, text);
}

char *driver_all(struct log *l)
{
    struct buf b;
    buf_init(&b, 64 << 20);
    uint64_t next = 0;
    while (driver_read(l, next, &next, join, &b, NULL) == OK)
        ;
    buf_append_byte(&b, 0);
    size_t len;
    return (char *)buf_take(&b, &len);
}

enum status driver_find_time(struct log *l, uint64_t time_ms, uint64_t *offset)
{
    struct reading *r = MEM_NEW(struct reading);
    latch_init(&r->latch, 1);
    r->read =
        (struct log_read){.log = l, .kind = LOG_FIND_TIME, .time_ms = time_ms, .done = was_read};
    log_read(&r->read);
    latch_wait(&r->latch);
    enum status st = r->read.status;
    *offset = r->read.offset;
    mem_free(r);
    return st;
}

struct log *driver_open(struct log_engine *e, uint64_t stream, uint32_t shard)
{
    struct log *l;
    struct fault f;
    enum status st = e->ops->open(e, (struct log_place){stream, shard}, 24, &l, &f);
    if (st != OK)
        fprintf(stderr, "open: %s\n", f.text);
    must(st == OK);
    return l;
}
