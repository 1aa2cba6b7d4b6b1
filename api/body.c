/* body.c: request bodies within a budget.
 *
 * Memory for a body is reserved when its length is announced, but pages cost nothing until they are
 * written: so the budget counts what has arrived, in steps, and a client that announces 16 MiB and
 * sends nothing takes nothing from the others.
 *
 * I1. charged >= the bytes held, and is 0 after body_fini; the budget's `used` is the sum of all.
 * I2. used <= most.
 * I3. After a failure nothing is held: the rest of the body is counted and thrown away, so that the
 * client, who may send all of it before he reads, gets his answer.
 *
 * Thread: the loop's own. */
#include "api/body.h"

#include "base/mem.h"
#include "base/must.h"

#include <stdatomic.h>

enum { CHARGE_STEP = 64 * 1024, GROWTH_FIRST = 16 * 1024 };

bool body_budget_charge(struct body_budget *b, uint64_t bytes)
{
    uint64_t used = atomic_load_explicit(&b->used, memory_order_relaxed);
    do {
        if (used > b->most || bytes > b->most - used) /* I2 */
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&b->used, &used, used + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

void body_budget_return(struct body_budget *b, uint64_t bytes)
{
    if (bytes > 0)
        atomic_fetch_sub_explicit(&b->used, bytes, memory_order_relaxed);
}

void body_init(struct body *b, struct body_budget *budget, struct buffers *buffers, size_t most)
{
    *b = (struct body){.budget = budget, .buffers = buffers, .most = most, .status = OK};
}

static void release(struct body *b)
{
    buffers_give(b->buffers, b->buffer);
    b->buffer = (struct buffer){0};
    b->len = 0;
    body_budget_return(b->budget, b->charged);
    b->charged = 0; /* I1 */
}

static void fail(struct body *b, enum status status)
{
    b->discarded += b->len;
    b->status = status;
    release(b); /* I3 */
}

/* Charges so much in all. */
static bool charge(struct body *b, uint64_t total)
{
    if (total <= b->charged)
        return true;
    if (!body_budget_charge(b->budget, total - b->charged))
        return false;
    b->charged = total;
    return true;
}

void body_expect(struct body *b, int64_t length)
{
    if (length <= 0)
        return;
    if ((uint64_t)length > b->most) {
        fail(b, TOO_LARGE);
        return;
    }
    /* Refused early when it cannot fit now: cheaper for both sides than halfway through. */
    uint64_t used = atomic_load_explicit(&b->budget->used, memory_order_relaxed);
    if (used > b->budget->most || (uint64_t)length > b->budget->most - used) {
        fail(b, THROTTLED);
        return;
    }
    b->buffer = buffers_take(b->buffers, (size_t)length);
    if (b->buffer.at == NULL)
        fail(b, NO_MEMORY);
}

static bool grow(struct body *b, size_t need)
{
    size_t room = b->buffer.room < GROWTH_FIRST ? GROWTH_FIRST : b->buffer.room;
    while (room < need)
        room *= 2;
    struct buffer larger = buffers_take(b->buffers, room);
    if (larger.at == NULL)
        return false;
    if (b->len > 0)
        memcpy(larger.at, b->buffer.at, b->len);
    buffers_give(b->buffers, b->buffer);
    b->buffer = larger;
    return true;
}

void body_append(struct body *b, struct bytes piece)
{
    if (b->status == OK && piece.len > b->most - b->len)
        fail(b, TOO_LARGE);
    else if (b->status == OK && b->len + piece.len > b->charged) {
        /* The last step is the body's own length when that is known: small bodies charge little. */
        uint64_t total = b->len + piece.len + CHARGE_STEP;
        if (b->buffer.room >= b->len + piece.len && total > b->buffer.room)
            total = b->buffer.room;
        if (!charge(b, total))
            fail(b, THROTTLED);
    }
    if (b->status == OK && piece.len > b->buffer.room - b->len && !grow(b, b->len + piece.len))
        fail(b, NO_MEMORY);
    if (b->status != OK) {
        b->discarded += piece.len;
        return;
    }
    must(piece.len <= b->buffer.room - b->len);
    memcpy(b->buffer.at + b->len, piece.at, piece.len);
    b->len += piece.len;
}

void body_fini(struct body *b)
{
    release(b);
}
