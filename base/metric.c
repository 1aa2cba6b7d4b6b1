/* metric.c: numbers that others watch.
 *
 * Metrics are made once, at start or on first use, and never go away, so updating one needs no
 * lock: an atomic addition (two for a histogram: the bucket and the sum). Only making and printing
 * take the lock, which guards the lists of families and of their metrics.
 *
 * A histogram's count is the sum of its buckets, worked out when asked, so that count and buckets
 * never disagree on a page.
 *
 * I1. A family's metrics are all of one kind, and are printed together, in the order of making.
 * I2. A list under the lock only grows: a pointer handed out stays good for ever.
 *
 * Thread: any. */
#include "base/metric.h"

#include "base/list.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/must.h"

#include <inttypes.h>
#include <stdatomic.h>

enum metric_kind { COUNTER, GAUGE, HISTOGRAM };
/* 2^4 us is 16 us, 2^24 us is 16.8 s; one more bucket for all that took longer. */
enum { EXPONENT_FIRST = 4, EXPONENT_LAST = 24, BUCKETS = EXPONENT_LAST - EXPONENT_FIRST + 2 };

struct family {
    struct list node;
    struct list metrics;
    const char *name, *help; /* fixed at birth */
    enum metric_kind kind;   /* fixed at birth */
};

struct metric {
    struct list node;
    const char *labels;     /* fixed at birth */
    enum metric_kind kind;  /* fixed at birth */
    _Atomic uint64_t value; /* a counter's, a gauge's (two's complement), a histogram's sum in us */
    _Atomic uint64_t buckets[];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct lock lock;
static struct list families; /* under lock */

static void prepare(void)
{
    lock_init(&lock, LOCK_METRIC);
    list_init(&families);
}

static struct family *family_of(const char *name, const char *help, enum metric_kind kind)
{
    LIST_EACH(node, keep, &families)
    {
        struct family *known = LIST_OWNER(node, struct family, node);
        if (strcmp(known->name, name) != 0)
            continue;
        must(known->kind == kind); /* I1 */
        return known;
    }
    struct family *family = MEM_NEW(struct family);
    list_init(&family->metrics);
    family->name = mem_strdup(name);
    family->help = mem_strdup(help);
    family->kind = kind;
    list_append(&families, &family->node);
    return family;
}

static struct metric *metric_of(struct family *family, const char *labels)
{
    LIST_EACH(node, keep, &family->metrics)
    {
        struct metric *known = LIST_OWNER(node, struct metric, node);
        if (strcmp(known->labels, labels) == 0)
            return known;
    }
    size_t buckets = family->kind == HISTOGRAM ? BUCKETS : 0;
    struct metric *m = mem_must(sizeof(*m) + buckets * sizeof(m->buckets[0]));
    m->labels = mem_strdup(labels);
    m->kind = family->kind;
    list_append(&family->metrics, &m->node);
    return m;
}

static struct metric *metric_make(const char *name, const char *help, const char *labels,
                                  enum metric_kind kind)
{
    pthread_once(&once, prepare);
    lock_take(&lock);
    struct metric *m = metric_of(family_of(name, help, kind), labels);
    lock_drop(&lock);
    return m;
}

struct metric *metric_counter(const char *name, const char *help, const char *labels)
{
    return metric_make(name, help, labels, COUNTER);
}

struct metric *metric_gauge(const char *name, const char *help, const char *labels)
{
    return metric_make(name, help, labels, GAUGE);
}

struct metric *metric_histogram(const char *name, const char *help, const char *labels)
{
    return metric_make(name, help, labels, HISTOGRAM);
}

void metric_add(struct metric *m, uint64_t n)
{
    must(m->kind != HISTOGRAM);
    atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}

void metric_set(struct metric *m, int64_t value)
{
    must(m->kind == GAUGE);
    atomic_store_explicit(&m->value, (uint64_t)value, memory_order_relaxed);
}

/* The first bucket whose bound is not below us. */
static unsigned bucket_of(uint64_t us)
{
    if (us <= 1u << EXPONENT_FIRST)
        return 0;
    unsigned exponent = 64 - (unsigned)__builtin_clzll(us - 1); /* of the next power of two */
    return exponent > EXPONENT_LAST ? BUCKETS - 1 : exponent - EXPONENT_FIRST;
}

void metric_observe_us(struct metric *m, uint64_t us)
{
    must(m->kind == HISTOGRAM);
    atomic_fetch_add_explicit(&m->buckets[bucket_of(us)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->value, us, memory_order_relaxed);
}

static uint64_t load(const _Atomic uint64_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

uint64_t metric_value(const struct metric *m)
{
    if (m->kind != HISTOGRAM)
        return load(&m->value);
    uint64_t count = 0;
    for (int i = 0; i < BUCKETS; i++)
        count += load(&m->buckets[i]);
    return count;
}

static void print_seconds(struct buf *out, uint64_t us)
{
    buf_printf(out, "%" PRIu64 ".%06" PRIu64, us / 1000000, us % 1000000);
}

static void print_name(struct buf *out, const char *name, const char *suffix, const char *labels)
{
    buf_append_text(out, name);
    buf_append_text(out, suffix);
    if (labels[0] != '\0')
        buf_printf(out, "{%s}", labels);
    buf_append_byte(out, ' ');
}

static void print_histogram(struct buf *out, const char *name, const struct metric *m)
{
    uint64_t count = 0;
    for (int i = 0; i < BUCKETS; i++) {
        count += load(&m->buckets[i]);
        buf_printf(out, "%s_bucket{%s%sle=\"", name, m->labels, m->labels[0] == '\0' ? "" : ",");
        if (i == BUCKETS - 1)
            buf_append_text(out, "+Inf");
        else
            print_seconds(out, UINT64_C(1) << (i + EXPONENT_FIRST));
        buf_printf(out, "\"} %" PRIu64 "\n", count);
    }
    print_name(out, name, "_sum", m->labels);
    print_seconds(out, load(&m->value));
    buf_append_byte(out, '\n');
    print_name(out, name, "_count", m->labels);
    buf_printf(out, "%" PRIu64 "\n", count);
}

static void print_metric(struct buf *out, const char *name, const struct metric *m)
{
    if (m->kind == HISTOGRAM) {
        print_histogram(out, name, m);
        return;
    }
    print_name(out, name, "", m->labels);
    if (m->kind == GAUGE)
        buf_printf(out, "%" PRId64 "\n", (int64_t)load(&m->value));
    else
        buf_printf(out, "%" PRIu64 "\n", load(&m->value));
}

void metric_print(struct buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    pthread_once(&once, prepare);
    lock_take(&lock);
    LIST_EACH(node, keep, &families)
    {
        const struct family *family = LIST_OWNER(node, struct family, node);
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
                   kinds[family->kind]);
        LIST_EACH(inner, keep_inner, &family->metrics)
        {
            print_metric(out, family->name, LIST_OWNER(inner, struct metric, node));
        }
    }
    lock_drop(&lock);
}
