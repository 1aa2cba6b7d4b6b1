/* bytes.h: a borrowed view of bytes. Never owns, never NUL-terminated. `at == NULL` means absent;
 * an empty view that is present points anywhere. */
#ifndef SLUICE_BASE_BYTES_H
#define SLUICE_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *at;
    size_t len;
};

#define BYTES_NONE          ((struct bytes){0})
#define BYTES_LITERAL(text) ((struct bytes){(const uint8_t *)(text), sizeof(text) - 1})
/* For printf("%.*s"): two arguments. */
#define BYTES_ARGS(b) ((int)(b).len), ((const char *)(b).at)

static inline struct bytes bytes_of(const void *at, size_t len)
{
    return (struct bytes){(const uint8_t *)at, len};
}

static inline struct bytes bytes_text(const char *text)
{
    return (struct bytes){(const uint8_t *)text, text ? strlen(text) : 0};
}

static inline bool bytes_present(struct bytes b)
{
    return b.at != NULL;
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Unequal lengths answer at once; equal lengths take the same time whatever the bytes. For secrets.
 */
bool bytes_equal_constant_time(struct bytes a, struct bytes b);

/* <0, 0, >0; by bytes, the shorter first when one is a prefix of the other. */
int bytes_compare(struct bytes a, struct bytes b);
bool bytes_starts_with(struct bytes b, struct bytes prefix);
/* ASCII only. Most names that are compared differ in length: no call for those. */
bool bytes_same_letters(const uint8_t *a, const uint8_t *b, size_t len);
static inline bool bytes_equal_ignore_case(struct bytes a, struct bytes b)
{
    return a.len == b.len && bytes_same_letters(a.at, b.at, a.len);
}
/* Copies, A to Z as a to z; `out` takes b.len bytes, all others than b's own. ASCII only. */
void bytes_lower_into(uint8_t *out, struct bytes b);
/* Cuts ASCII spaces and tabs from both ends. */
struct bytes bytes_trim(struct bytes b);
/* Strict decimal: digits only, at least one, no overflow. */
bool bytes_to_u64(struct bytes b, uint64_t *out);

#endif
