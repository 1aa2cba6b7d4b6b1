/* master_key_set_fuzz.c: any bytes as a master key file: refused with a reason that quotes none of it, or taken, and every key that counts is
 * found by its id and its alias. */
#include "base/must.h"
#include "shards/master_key_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct master_key_set *s = master_key_set_new();
    struct fault f = {0};
    enum status st = master_keys_parse(bytes_of(data, size), s, &f);
    must(st == OK || (st == INVALID_VALUE && f.text[0]));
    for (size_t i = 0; st == OK && i < s->count; i++) {
        const struct master_key *key = master_key_set_find(s, bytes_text(s->keys[i].name.id));
        must(key && key >= &s->keys[i]);
        must(!key->alias[0] || master_key_set_alias(s, bytes_text(key->alias)) == key);
    }
    master_key_set_unref(s);
    return 0;
}
