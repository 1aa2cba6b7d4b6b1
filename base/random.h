/* random.h: the only source of chance. random_bytes is the operating system's (getrandom), for keys
 * and ids; random_noise is quick and no secret; struct random is seeded and repeatable (xoshiro256**), for jitter and tests. */
#ifndef SLUICE_BASE_RANDOM_H
#define SLUICE_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Thread: any. Buffered per thread: a few ns a byte. Dies if the system has none. */
void random_bytes(void *out, size_t len);
/* For what need only differ and may be guessed; never for keys or tokens. From a generator of the
 * thread's own that the system seeded: no system call. Thread: any. */
void random_noise(void *out, size_t len);

struct random {
    uint64_t state[4];
};
void random_seed(struct random *r, uint64_t seed);
uint64_t random_next(struct random *r);
/* 0 <= result < below; below > 0. Not biased. */
uint64_t random_below(struct random *r, uint64_t below);

enum { UUID_BYTES = 37 };
/* A version-4 UUID (RFC 9562), lower case, NUL-terminated. Thread: any. */
void uuid_make(char out[UUID_BYTES]);

#endif
