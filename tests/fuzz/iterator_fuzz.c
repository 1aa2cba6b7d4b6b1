/* iterator_fuzz.c: any bytes as a sealed position, and as a sequence number: refused, or exactly
 * what was made. */
#include "base/must.h"
#include "shards/iterator.h"
#include "shards/sequence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[ITERATOR_KEY_BYTES] = "a key that nobody could guess";
    struct iterator it;
    must(iterator_open(bytes_of(data, size), ITERATOR_SHARD, key, &it) == INVALID_ARGUMENT);
    struct sequence s;
    bool shard_known;
    if (sequence_parse(bytes_of(data, size), &s, &shard_known) == OK) {
        char text[SEQUENCE_TEXT_BYTES];
        size_t len = sequence_print(&s, text), zeros = 0;
        while (zeros < size && data[zeros] == '0')
            zeros++;
        must(bytes_equal(bytes_of(text, len), bytes_of(data + zeros, size - zeros)));
    }
    return 0;
}
