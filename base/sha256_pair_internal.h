/* sha256_pair_internal.h: the two ways to a pair of SHA-256 digests, so that a test can hold one
 * against the other. */
#ifndef SLUICE_BASE_SHA256_PAIR_INTERNAL_H
#define SLUICE_BASE_SHA256_PAIR_INTERNAL_H

#include "base/digest.h"

void sha256_pair_portable(struct rope a, struct rope b, uint8_t out_a[SHA256_BYTES],
                          uint8_t out_b[SHA256_BYTES]);
bool sha256_pair_has_fast(void);
/* Only where sha256_pair_has_fast. */
void sha256_pair_fast(struct rope a, struct rope b, uint8_t out_a[SHA256_BYTES],
                      uint8_t out_b[SHA256_BYTES]);

#endif
