/* codec_fuzz.h: what the fuzz targets of the codecs share: a shape by a byte, and bodies that a
 * sanitizer can see the end of. */
#ifndef SLUICE_TESTS_FUZZ_CODEC_FUZZ_H
#define SLUICE_TESTS_FUZZ_CODEC_FUZZ_H

#include "base/arena.h"
#include "base/mem.h"
#include "base/must.h"
#include "wire/model/kinesis.h"

enum { ARENA_BYTES = 1 << 22, STRUCT_WORDS = 128 };

typedef enum status decode_fn(const struct shape *, uint8_t *, size_t, struct arena *, void *,
                              struct fault *);

/* Decodes a copy of the text in a block of exactly its size, so that a sanitizer sees whatever is
 * touched beyond it. mem_free *block when `out` is no longer used. */
static inline enum status decode_block(decode_fn *how, const struct shape *s, struct bytes text,
                                       struct arena *a, void *out, struct fault *f, uint8_t **block)
{
    must(s->size <= STRUCT_WORDS * sizeof(uint64_t));
    *block = mem_must(text.len == 0 ? 1 : text.len);
    if (text.len > 0)
        memcpy(*block, text.at, text.len);
    f->text[0] = '\0';
    return how(s, *block, text.len, a, out, f);
}

/* The input of one of the operations, or its output. */
static inline const struct shape *shape_for(uint8_t choice)
{
    const struct operation_model *operation = &kinesis_operations[choice % KINESIS_OPERATIONS];
    if (choice / KINESIS_OPERATIONS % 2 == 1 && operation->output != NULL)
        return operation->output;
    return operation->input;
}

#endif
