/* parcel.c: the life of parcels, and their order.
 *
 * Thread: whoever turns the producer. */
#include "consumer-sdk/parcel.h"

#include "base/digest.h"
#include "base/mem.h"
#include "consumer-sdk/intake.h"

enum { HASHED_AT_ONCE = 64 };

void parcel_free(struct parcel *p, struct intake *in)
{
    struct chunk *c = p->chunk;
    if (!c)
        intake_return(in, p, p->bytes);
    else if (--c->refs == 0)
        intake_return(in, c, c->size);
}

/* Most often all of one goes before all of the other, or few are merged into many: it walks no further than it has to. */
void parcel_merge_from(struct list *at, struct list *to, struct list *from)
{
    while (!list_empty(from) && at != to) {
        struct list *node = from->next;
        while (at != to && parcel_of(at)->order <= parcel_of(node)->order)
            at = at->next;
        if (at == to)
            break;
        list_remove(node);
        list_insert_before(at, node);
    }
    list_splice(to, from);
}

void parcel_merge(struct list *to, struct list *from)
{
    parcel_merge_from(to->next, to, from);
}

static void hash_some(struct parcel **parcels, size_t count)
{
    struct bytes keys[HASHED_AT_ONCE] = {{0}};
    uint8_t digests[HASHED_AT_ONCE][MD5_BYTES];
    uint8_t *outs[HASHED_AT_ONCE] = {0};
    for (size_t i = 0; i < count; i++) {
        keys[i] = parcels[i]->partition_key;
        outs[i] = digests[i];
    }
    digest_md5_each(keys, outs, count);
    for (size_t i = 0; i < count; i++)
        parcels[i]->hash = u128_from_be(digests[i]);
}

void parcel_hash_all(struct list *parcels)
{
    struct parcel *some[HASHED_AT_ONCE];
    size_t count = 0;
    LIST_EACH(node, keep, parcels)
    {
        struct parcel *p = parcel_of(node);
        if (bytes_present(p->explicit_hash_key)) {
            (void)u128_parse(p->explicit_hash_key, &p->hash); /* it was looked at when it was put */
            continue;
        }
        some[count++] = p;
        if (count == HASHED_AT_ONCE) {
            hash_some(some, count);
            count = 0;
        }
    }
    if (count)
        hash_some(some, count);
}
