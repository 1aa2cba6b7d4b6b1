/* decode_internal.h: what json_decode.c and cbor_decode.c share: where values go, and how one that
 * does not fit is told. Knows shapes and structs, no format. Thread: any. */
#ifndef SLUICE_WIRE_DECODE_INTERNAL_H
#define SLUICE_WIRE_DECODE_INTERNAL_H

#include "base/arena.h"
#include "wire/shape.h"

/* What one decoding works into. */
struct decode_target {
    struct arena *arena;
    struct fault *fault; /* never NULL */
    bool wrong_type;     /* a complaint stands in fault: the first one */
    enum status refused; /* OK, or how the arena failed: decoding must end */
};

/* ---- what does not fit: noted, unless something was before ---- */

/* A value that Java knows as that class stands where one of the wanted kind is due. */
void decode_refuse_scalar(struct decode_target *t, enum shape_kind wanted, const char *java_class);
/* A list, or a structure or map, stands where something else is due. */
void decode_refuse_list(struct decode_target *t);
void decode_refuse_map(struct decode_target *t);
/* How Java calls what stands for numbers and for text. */
#define JAVA_NUMBER  "com.amazon.coral.value.json.numbers.TruncatingBigNumber"
#define JAVA_STRING  "java.lang.String"
#define JAVA_BOOLEAN "java.lang.Boolean"

/* ---- numbers ---- */

/* A whole number of that sign and magnitude, clamped to what the kind takes: 32 or 64 bit;
 * timestamps to a thousandth of that, so that who adds to a time need not fear overflow. */
void decode_store_integer(enum shape_kind kind, bool negative, uint64_t magnitude,
                          struct opt_int *out);

/* ---- places; NULL: the arena had no more, and t->refused says how ---- */

/* Zeroes a member's place. */
void decode_clear(const struct shape *s, void *at);
/* Where the structure's own members go: at `at` itself within a list, else in memory of its own. */
void *decode_place_structure(struct decode_target *t, const struct shape *s, void *at,
                             bool in_list);
/* Makes room for so many elements in an empty list, as a hint: never for more than is usual. */
bool decode_list_expect(struct decode_target *t, struct shape_list *list, uint32_t *room,
                        size_t size, uint64_t count);
/* One more element, zeroed. `*room` begins as 0 and is this function's own. */
void *decode_list_add(struct decode_target *t, struct shape_list *list, uint32_t *room,
                      size_t size);
/* The map's pair of that key, without a value, or a new one. */
struct shape_pair *decode_pair(struct decode_target *t, struct shape_list *map, uint32_t *room,
                               struct bytes key);

/* The outcome: `whole` says that the text was one object in good form and nothing else. */
enum status decode_outcome(const struct decode_target *t, bool whole) MUST_USE;

#endif
