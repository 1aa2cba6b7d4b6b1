/* shard_pace.c: a bucket of tokens whose rate is learnt.
 *
 * Pure. */
#include "consumer-sdk/shard_pace.h"

#define SECOND_US 1000000.0

static const double shard_bytes = 1024.0 * 1024.0, shard_records = 1000.0; /* of AWS, a second */
static const double step = 0.05;        /* rate that a second without a throttle adds */
static const double keep = 0.8;         /* of the rate, after a throttle */
static const double rate_least = 0.01;  /* ten records a second */
static const double free_again = 200.0; /* no AWS: nobody has throttled for an hour */
static const double burst_s = 0.5;
static const double smooth = 0.5; /* of a second's rate, when the next is over */

double shard_pace_cost(size_t bytes)
{
    double by_bytes = (double)bytes / shard_bytes, by_count = 1.0 / shard_records;
    return by_bytes > by_count ? by_bytes : by_count;
}

static double seconds(uint64_t from_us, uint64_t to_us)
{
    return to_us > from_us ? (double)(to_us - from_us) / SECOND_US : 0;
}

static void fill(struct shard_pace *p, uint64_t now_us)
{
    double passed = seconds(p->filled_us, now_us);
    if (passed <= 0)
        return;
    p->filled_us = now_us;
    p->tokens += p->rate * passed;
    if (p->tokens > p->rate * burst_s)
        p->tokens = p->rate * burst_s;
    p->rate += step * passed;
    if (p->rate > free_again)
        p->rate = 0;
}

/* A record goes while nothing is owed, whatever it costs: so the largest finds its way through the slowest bucket. */
uint64_t shard_pace_ready_us(struct shard_pace *p, uint64_t now_us)
{
    if (p->rate == 0)
        return now_us;
    fill(p, now_us);
    if (p->rate == 0 || p->tokens >= 0)
        return now_us;
    return now_us + 1 + (uint64_t)(-p->tokens / p->rate * SECOND_US);
}

void shard_pace_spend(struct shard_pace *p, double cost, uint64_t now_us)
{
    if (p->rate == 0)
        return;
    fill(p, now_us);
    p->tokens -= cost;
}

/* The second under way ends: its rate counts for half, that of those before for the rest. */
static void turn_window(struct shard_pace *p, uint64_t now_us)
{
    double passed = seconds(p->window_us, now_us);
    if (p->window_us && passed < 1)
        return;
    if (p->window_us)
        p->taken_rate = smooth * p->taken_rate + (1 - smooth) * p->taken / passed;
    p->taken = 0;
    p->window_us = now_us;
}

void shard_pace_taken(struct shard_pace *p, double cost, uint64_t now_us)
{
    turn_window(p, now_us);
    p->taken += cost;
}

/* What it took: of the second under way too, which counts as a whole one: so a burst that the shard took does not look like a rate. */
static double taken_lately(const struct shard_pace *p, uint64_t now_us)
{
    double passed = seconds(p->window_us, now_us);
    double under_way = p->taken / (passed > 1 ? passed : 1);
    return under_way > p->taken_rate ? under_way : p->taken_rate;
}

void shard_pace_throttled(struct shard_pace *p, uint64_t sent_us, uint64_t now_us)
{
    if (p->rate != 0 && sent_us <= p->cut_us)
        return;
    turn_window(p, now_us);
    double rate = p->rate == 0 ? taken_lately(p, now_us) : p->rate;
    fill(p, now_us);
    p->filled_us = now_us;
    p->rate = rate * keep > rate_least ? rate * keep : rate_least;
    p->cut_us = now_us;
    if (p->tokens > 0)
        p->tokens = 0; /* it has none to spare: neither have we */
}
