/* plain_memory.c: what LevelDB's archive calls under ThreadSanitizer instead of memcmp, memcpy, memmove and memset.
 *
 * Debian's archive is not instrumented: the atomics by which its skip list hands a node from the writer to readers are not seen, but the
 * runtime would see its calls of these four, and report the writer's memcpy beside a reader's memcmp: tests/unit/shards/leveldb_threads_test.c
 * makes it do so. Seen whole it has no race, seen by half it has; so its own reads and writes are not seen, those of our buffers included. (Its calls of the C++
 * library's strings still are.) A LevelDB that is linked as a shared library keeps its calls, and false reports with them.
 *
 * Built without instrumentation, and without the compiler making calls of these loops.
 * Thread: any. */
#include <stddef.h>
#include <stdint.h>

int plain_memcmp(const void *a, const void *b, size_t len);
void *plain_memcpy(void *to, const void *from, size_t len);
void *plain_memmove(void *to, const void *from, size_t len);
void *plain_memset(void *at, int value, size_t len);

int plain_memcmp(const void *a, const void *b, size_t len)
{
    const uint8_t *l = a, *r = b;
    for (size_t i = 0; i < len; i++) {
        if (l[i] != r[i])
            return l[i] < r[i] ? -1 : 1;
    }
    return 0;
}

void *plain_memcpy(void *to, const void *from, size_t len)
{
    return plain_memmove(to, from, len);
}

void *plain_memmove(void *to, const void *from, size_t len)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    if ((uintptr_t)out - (uintptr_t)in < len) {
        while (len--)
            out[len] = in[len];
    } else {
        for (size_t i = 0; i < len; i++)
            out[i] = in[i];
    }
    return to;
}

void *plain_memset(void *at, int value, size_t len)
{
    uint8_t *out = at;
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)value;
    return at;
}
