/* reshard_plan.c: an even division of the hash range, one step at a time, from left to right, in AWS's order:
 *
 *   before   |-----0-----|-----1-----|-----2-----|-----3-----|        4 shards to 3
 *   wanted   |-------.-------|-------.-------|-------.-------|
 *   steps    split 1 (4, 5), merge 0 + 4 (6); split 2 (7, 8), merge 5 + 7 (9); merge 8 + 3 (10)
 *   after    |-------6-------|-------9-------|------10-------|
 *
 * For each wanted shard: is there a border where it must end? If not, split the shard that lies across it. Then merge what lies between.
 * Only borders that are wanted are made, and each once, so this is the shortest row of steps there is.
 *
 * E1. At the end there are exactly `target` shards, and each border lies within a thousandth of a share of its place. A border that near
 *     stays as it is: floors of 2^128 / n differ by a few keys, and no shard of a few keys is made to mend that.
 * E2. Each split leaves two shards of more than a thousandth of a share, so AWS's rule for split borders is kept.
 * E3. Steps so far depend on nothing but the row of shards: a step repeated after a crash is the same one. */
#include "shards/reshard_plan.h"

#include "base/must.h"

u128 plan_even_start(uint32_t count, uint32_t place)
{
    u128 width = count == 1 ? 0 : U128_MAX / count + (U128_MAX % count + 1 == count);
    return width * place; /* 2^128 when place == count: wraps to 0, or falls short by the rest */
}

static u128 distance(u128 a, u128 b)
{
    return a > b ? a - b : b - a;
}

/* The first place at or after `from` whose start is not below `border`. */
static uint32_t first_not_below(const u128 *starts, uint32_t from, uint32_t count, u128 border)
{
    while (from < count && starts[from] < border)
        from++;
    return from;
}

/* The place behind `begin` that begins at `border`, or near enough; `count` if none does. */
static uint32_t place_at(const u128 *starts, uint32_t begin, uint32_t count, u128 border,
                         u128 slack)
{
    uint32_t right = first_not_below(starts, begin + 1, count, border);
    uint32_t best = count;
    u128 least = slack;
    if (right < count && distance(starts[right], border) <= least) {
        best = right;
        least = distance(starts[right], border);
    }
    if (right > begin + 1 && distance(starts[right - 1], border) <= least)
        best = right - 1;
    return best;
}

void plan_even_step(const u128 *starts, uint32_t count, uint32_t target, struct plan_step *out)
{
    enum { SHARE_PARTS = 1000 };
    must(count > 0 && target > 0 && starts[0] == 0);
    u128 slack = (target == 1 ? U128_MAX : plan_even_start(target, 1)) / SHARE_PARTS;
    uint32_t begin = 0; /* where the wanted shard begins, in the row that there is */
    for (uint32_t i = 1; i <= target; i++) {
        uint32_t end = count;
        if (i < target) {
            u128 border = plan_even_start(target, i);
            end = place_at(starts, begin, count, border, slack);
            if (end == count) {
                uint32_t across = first_not_below(starts, begin, count, border) - 1;
                *out = (struct plan_step){PLAN_SPLIT, across, border}; /* E2 */
                return;
            }
        }
        if (end > begin + 1) {
            *out = (struct plan_step){PLAN_MERGE, begin, 0};
            return;
        }
        begin = end;
    }
    *out = (struct plan_step){PLAN_DONE, 0, 0}; /* E1 */
}
