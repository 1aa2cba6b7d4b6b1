/* checkpoint.c: numbers are compared as text: they are longer than any integer, and without leading zeros the longer is the larger. */
#include "groups/checkpoint.h"

#include <string.h>

enum rank { RANK_NONE, RANK_BEGINNING, RANK_NUMBER, RANK_END };

static enum rank rank_of(const struct checkpoint *c)
{
    if (c->sequence[0] == '\0')
        return RANK_NONE;
    if (checkpoint_is_end(c))
        return RANK_END;
    return c->sequence[0] >= '0' && c->sequence[0] <= '9' ? RANK_NUMBER : RANK_BEGINNING;
}

bool checkpoint_is_end(const struct checkpoint *c)
{
    return strcmp(c->sequence, CHECKPOINT_END) == 0;
}

bool checkpoint_is_valid(const struct checkpoint *c)
{
    size_t len = strnlen(c->sequence, CHECKPOINT_BYTES);
    if (len == CHECKPOINT_BYTES)
        return false;
    if (rank_of(c) == RANK_NUMBER)
        return strspn(c->sequence, "0123456789") == len && (c->sequence[0] != '0' || len == 1);
    return len == 0 || checkpoint_is_end(c) || strcmp(c->sequence, CHECKPOINT_HORIZON) == 0 ||
           strcmp(c->sequence, CHECKPOINT_TIMESTAMP) == 0;
}

/* Of a beginning: no time is as old as the oldest record. */
static uint64_t time_of(const struct checkpoint *c)
{
    return strcmp(c->sequence, CHECKPOINT_HORIZON) == 0 ? 0 : c->sub;
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

int checkpoint_compare(const struct checkpoint *a, const struct checkpoint *b)
{
    enum rank rank = rank_of(a);
    if (rank != rank_of(b))
        return (int)rank - (int)rank_of(b);
    if (rank == RANK_BEGINNING)
        return compare_u64(time_of(a), time_of(b));
    if (rank != RANK_NUMBER)
        return 0;
    int order = compare_u64(strlen(a->sequence), strlen(b->sequence));
    if (order == 0)
        order = strcmp(a->sequence, b->sequence);
    return order != 0 ? order : compare_u64(a->sub, b->sub);
}
