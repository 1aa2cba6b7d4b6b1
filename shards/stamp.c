/* stamp.c: see stamp.h. What is read may come from a disk that lies: every length and sum is checked. Thread: any. */
#include "shards/stamp.h"

#include "base/must.h"
#include "shards/bytes_internal.h"

uint8_t *varint_put(uint8_t *at, uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        *at++ = (uint8_t)(n | 0x80);
    *at++ = (uint8_t)n;
    return at;
}

bool varint_take(struct bytes *from, uint64_t *n)
{
    *n = 0;
    for (size_t i = 0; i < from->len && i < VARINT_BYTES_MAX; i++) {
        uint64_t part = from->at[i] & 0x7f;
        if (i == VARINT_BYTES_MAX - 1 && part > 1)
            return false;
        *n |= part << (7 * i);
        if (!(from->at[i] & 0x80)) {
            *from = bytes_of(from->at + i + 1, from->len - i - 1);
            return true;
        }
    }
    return false;
}

uint32_t stamp_run(const struct log_stamp *s, uint32_t at)
{
    uint32_t count = 1;
    while (at + count < s->count && s->numbers[at + count] == s->numbers[at] + count)
        count++;
    return count;
}

static uint8_t *pack_runs(uint8_t *out, const struct log_stamp *s, size_t *len)
{
    uint64_t expected = 0;
    *len = 0;
    for (uint32_t at = 0, count; at < s->count; at += count) {
        uint8_t run[2 * VARINT_BYTES_MAX];
        count = stamp_run(s, at);
        uint8_t *end = varint_put(run, zigzag(s->numbers[at] - expected));
        size_t run_len = (size_t)(varint_put(end, count - 1) - run);
        if (out) {
            memcpy(out, run, run_len);
            out += run_len;
        }
        *len += run_len;
        expected = s->numbers[at] + count;
    }
    return out;
}

void stamp_measure(struct log_stamp *s)
{
    size_t runs;
    must(s->count > 0);
    s->ascending = true;
    s->lowest = s->highest = s->numbers[0];
    for (uint32_t i = 1; i < s->count; i++) {
        uint64_t number = s->numbers[i];
        s->ascending = s->ascending && number > s->numbers[i - 1];
        s->lowest = number < s->lowest ? number : s->lowest;
        s->highest = number > s->highest ? number : s->highest;
    }
    must(s->highest < UINT64_MAX);
    pack_runs(NULL, s, &runs);
    must(STAMP_HEAD_BYTES + runs <= UINT16_MAX);
    s->stored_len = (uint16_t)(STAMP_HEAD_BYTES + runs);
}

uint8_t *stamp_pack(uint8_t *out, const struct log_stamp *s)
{
    size_t runs;
    memcpy(out, s->producer, PRODUCER_ID_BYTES);
    put_le64(out + PRODUCER_ID_BYTES, s->epoch);
    return pack_runs(out + STAMP_HEAD_BYTES, s, &runs);
}

enum status stamp_walk_init(struct stamp_walk *w, struct bytes stamp, uint32_t count,
                            struct fault *f)
{
    if (stamp.len < STAMP_HEAD_BYTES)
        return fault_set(f, CORRUPT, "a stamp ends within its head (%zu bytes)", stamp.len);
    *w = (struct stamp_walk){
        .producer = bytes_of(stamp.at, PRODUCER_ID_BYTES),
        .epoch = get_le64(stamp.at + PRODUCER_ID_BYTES),
        .rest = bytes_of(stamp.at + STAMP_HEAD_BYTES, stamp.len - STAMP_HEAD_BYTES),
        .left = count,
    };
    return OK;
}

enum status stamp_walk_next(struct stamp_walk *w, uint64_t *first, uint32_t *count, struct fault *f)
{
    uint64_t difference, more;
    if (w->left == 0 && w->rest.len == 0)
        return END;
    if (w->left == 0 || !varint_take(&w->rest, &difference) || !varint_take(&w->rest, &more) ||
        more >= w->left)
        return fault_set(f, CORRUPT, "a stamp is not of as many numbers as its batch has records");
    *first = w->expected + zagzig(difference);
    *count = (uint32_t)more + 1;
    if (*first > UINT64_MAX - *count)
        return fault_set(f, CORRUPT, "a stamp has a number that is out of bounds");
    w->expected = *first + *count;
    w->left -= *count;
    return OK;
}
