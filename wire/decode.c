/* decode.c: where decoded values go, whatever they were written in.
 *
 * Idea: formats differ in their grammar; what a member's place is, how lists grow, and how AWS words
 * a wrong type do not. Only structures, lists and maps take memory, from the arena; a list doubles
 * as it grows, so its elements are copied at most once on average.
 *
 * I1. AWS parses a body before it looks at types. So a wrong type is noted here (the first one's
 * words win), and the decoder skips the value and reads on: an error of form anywhere behind it
 * still makes the answer MALFORMED without words.
 * I2. A place holds either what was decoded for it last, or nothing: a member given twice leaves no
 * trace of the first.
 *
 * Leaves to others: the formats (json_decode.c, cbor_decode.c), bounds (check.c). Thread: any. */
#include "wire/decode_internal.h"

/* LIST_ROOM_FIRST: most lists of the APIs have a few elements; only PutRecords has hundreds.
 * LIST_EXPECT_MAX: what a text announces is believed up to PutRecords' 500.
 * MAP_DISTINCT: looking for a repeated key costs a walk, so it is done while the map is no longer
 * than AWS lets any of its maps be (200 tags); what is longer is refused by check, or has no use
 * for the earlier pair. */
enum { LIST_ROOM_FIRST = 8, LIST_EXPECT_MAX = 512, MAP_DISTINCT = 256 };

/* ---- what does not fit ---- */

static const char *wanted_text(enum shape_kind kind)
{
    switch (kind) {
    case SHAPE_STRING:
        return "an String";
    case SHAPE_BLOB:
        return "a Blob";
    case SHAPE_LONG:
        return "an Long";
    case SHAPE_BOOLEAN:
        return "an Boolean";
    case SHAPE_DOUBLE:
        return "an Double";
    case SHAPE_TIMESTAMP:
        return "milliseconds since epoch";
    default:
        return "an Integer";
    }
}

static void refuse(struct decode_target *t, const char *words)
{
    if (!t->wrong_type)
        fault_set(t->fault, MALFORMED, "%s", words);
    t->wrong_type = true;
}

void decode_refuse_scalar(struct decode_target *t, enum shape_kind wanted, const char *java_class)
{
    switch (wanted) {
    case SHAPE_LIST:
        refuse(t, "Expected list or null");
        break;
    case SHAPE_MAP:
        refuse(t, "Expected map or null");
        break;
    case SHAPE_STRUCTURE:
        refuse(t, "Expected null");
        break;
    default:
        if (!t->wrong_type)
            fault_set(t->fault, MALFORMED, "class %s can not be converted to %s", java_class,
                      wanted_text(wanted));
        t->wrong_type = true;
    }
}

void decode_refuse_list(struct decode_target *t)
{
    refuse(t, "Start of list found where not expected");
}

void decode_refuse_map(struct decode_target *t)
{
    refuse(t, "Start of structure or map found where not expected.");
}

/* ---- numbers ---- */

/* The largest value. */
static uint64_t integer_most(enum shape_kind kind)
{
    if (kind == SHAPE_INTEGER)
        return INT32_MAX;
    return kind == SHAPE_TIMESTAMP ? INT64_MAX / 1000 : INT64_MAX;
}

void decode_store_integer(enum shape_kind kind, bool negative, uint64_t magnitude,
                          struct opt_int *out)
{
    /* Two's complement has one more number below zero than above. */
    uint64_t most = integer_most(kind) + (negative && kind != SHAPE_TIMESTAMP ? 1 : 0);
    if (magnitude > most)
        magnitude = most;
    *out =
        (struct opt_int){.value = (int64_t)(negative ? 0 - magnitude : magnitude), .present = true};
}

/* ---- places ---- */

static void *take(struct decode_target *t, size_t size)
{
    /* Within a header's size of the ceiling either answer is as good as the other. */
    bool over = size > t->arena->ceiling - t->arena->used;
    void *taken = arena_take(t->arena, size);
    if (taken == NULL)
        t->refused = over ? TOO_LARGE : NO_MEMORY;
    return taken;
}

void decode_clear(const struct shape *s, void *at)
{
    memset(at, 0, s->kind == SHAPE_STRUCTURE ? sizeof(void *) : s->size);
}

void *decode_place_structure(struct decode_target *t, const struct shape *s, void *at, bool in_list)
{
    if (in_list)
        return at;
    void *structure = take(t, s->size);
    if (structure != NULL)
        memset(structure, 0, s->size);
    return *(void **)at = structure;
}

static bool list_widen(struct decode_target *t, struct shape_list *list, uint32_t *room,
                       size_t size, uint32_t wider)
{
    if (wider < *room || wider > SIZE_MAX / size) {
        t->refused = TOO_LARGE;
        return false;
    }
    void *moved = take(t, wider * size);
    if (moved == NULL)
        return false;
    if (list->count > 0)
        memcpy(moved, list->at, list->count * size);
    list->at = moved;
    *room = wider;
    return true;
}

bool decode_list_expect(struct decode_target *t, struct shape_list *list, uint32_t *room,
                        size_t size, uint64_t count)
{
    if (count == 0)
        return true;
    return list_widen(t, list, room, size,
                      count > LIST_EXPECT_MAX ? LIST_EXPECT_MAX : (uint32_t)count);
}

void *decode_list_add(struct decode_target *t, struct shape_list *list, uint32_t *room, size_t size)
{
    if (list->count == *room &&
        !list_widen(t, list, room, size, *room == 0 ? LIST_ROOM_FIRST : *room * 2))
        return NULL;
    return memset((uint8_t *)list->at + list->count++ * size, 0, size);
}

struct shape_pair *decode_pair(struct decode_target *t, struct shape_list *map, uint32_t *room,
                               struct bytes key)
{
    struct shape_pair *pairs = map->at;
    for (uint32_t i = 0; i < map->count && map->count < MAP_DISTINCT; i++) {
        if (bytes_equal(pairs[i].key, key)) {
            pairs[i].value = BYTES_NONE; /* I2 */
            return &pairs[i];
        }
    }
    struct shape_pair *pair = decode_list_add(t, map, room, sizeof(*pair));
    if (pair != NULL)
        pair->key = key;
    return pair;
}

enum status decode_outcome(const struct decode_target *t, bool whole)
{
    if (t->refused != OK)
        return fault_set(t->fault, t->refused,
                         "The request needs more memory than one request may have.");
    if (!whole)
        return fault_set(t->fault, MALFORMED, "%s", ""); /* I1 */
    return t->wrong_type ? MALFORMED : OK;
}
