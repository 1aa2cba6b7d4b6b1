/* aead.h: secrecy and a seal in one: AES-256-GCM, by OpenSSL. What was sealed opens only under the
 * same key and with the same words beside it (`bound`: not stored, not secret), and not at all when
 * a bit was changed. Thread: any. */
#ifndef SLUICE_BASE_AEAD_H
#define SLUICE_BASE_AEAD_H

#include "base/bytes.h"

enum {
    AEAD_KEY_BYTES = 32,
    AEAD_TAG_BYTES = 16,
    AEAD_NONCE_BYTES = 24,
    AEAD_EXTRA_BYTES = AEAD_NONCE_BYTES + AEAD_TAG_BYTES, /* what sealing adds */
    AEAD_GCM_NONCE_BYTES = 12,
};

/* Writes nonce | ciphertext | tag: plain.len + AEAD_EXTRA_BYTES at `out`. `plain` may already stand
 * where the ciphertext goes, at out + AEAD_NONCE_BYTES. The nonce is chance (A1). */
void aead_seal(const uint8_t key[AEAD_KEY_BYTES], struct bytes bound, struct bytes plain,
               uint8_t *out);
/* Writes sealed.len - AEAD_EXTRA_BYTES at `out`. False: not sealed so, and `out` is zeros. */
bool aead_open(const uint8_t key[AEAD_KEY_BYTES], struct bytes bound, struct bytes sealed,
               uint8_t *out);

/* Plain AES-256-GCM under a nonce of the caller's, who must never use one twice with a key:
 * ciphertext | tag, plain.len + AEAD_TAG_BYTES. */
void aead_gcm_seal(const uint8_t key[AEAD_KEY_BYTES], const uint8_t nonce[AEAD_GCM_NONCE_BYTES],
                   struct bytes bound, struct bytes plain, uint8_t *out);
bool aead_gcm_open(const uint8_t key[AEAD_KEY_BYTES], const uint8_t nonce[AEAD_GCM_NONCE_BYTES],
                   struct bytes bound, struct bytes sealed, uint8_t *out);

/* aead_seal under a given nonce: for known answers in tests. */
void aead_seal_nonce(const uint8_t key[AEAD_KEY_BYTES], const uint8_t nonce[AEAD_NONCE_BYTES],
                     struct bytes bound, struct bytes plain, uint8_t *out);

#endif
