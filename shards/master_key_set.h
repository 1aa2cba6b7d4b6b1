/* master_key_set.h: a master key file as it was read: its lines, parsed and looked up. For master_keys.c. */
#ifndef SLUICE_SHARDS_MASTER_KEY_SET_H
#define SLUICE_SHARDS_MASTER_KEY_SET_H

#include "base/limits.h"
#include "shards/master_keys.h"

enum {
    KEY_ALIAS_BYTES = 257, /* with its NUL: "alias/" and the rest (KMS) */
    MASTER_KEY_FILE_BYTES_MAX = MASTER_KEYS_MAX * 512
};

/* One line. */
struct master_key {
    struct master_key_name name;
    char alias[KEY_ALIAS_BYTES]; /* "": none */
    bool enabled;
    uint8_t bits[AEAD_KEY_BYTES];
};

/* A whole file, as it was read; counted, immutable. */
struct master_key_set {
    _Atomic uint32_t refs;
    size_t count;
    struct master_key keys[MASTER_KEYS_MAX];
};

/* Empty; one reference. Wiped when the last goes. */
struct master_key_set *master_key_set_new(void);
void master_key_set_unref(struct master_key_set *s);
/* Adds the lines of a file. INVALID_VALUE with the number of the line, and nothing of what is in it. */
enum status master_keys_parse(struct bytes text, struct master_key_set *s,
                              struct fault *f) MUST_USE;
/* The line that counts for this key id: its last; NULL: there is none. */
const struct master_key *master_key_set_find(const struct master_key_set *s, struct bytes id);
/* The key whose alias that is; NULL. */
const struct master_key *master_key_set_alias(const struct master_key_set *s, struct bytes alias);

#endif
