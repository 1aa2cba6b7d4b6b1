/* master_key_set.c: reads the lines of a master key file. See master_keys.h for what they are.
 *
 * K1. A file is taken whole or not at all, and what is said of a bad one quotes none of it.
 * K2. An alias means one key.
 * Thread: any. */
#include "shards/master_key_set.h"

#include "base/digest.h"
#include "base/mem.h"

#include <openssl/crypto.h>
#include <stdatomic.h>

struct master_key_set *master_key_set_new(void)
{
    struct master_key_set *s = MEM_NEW(struct master_key_set);
    atomic_store(&s->refs, 1);
    return s;
}

void master_key_set_unref(struct master_key_set *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    OPENSSL_cleanse(s, sizeof(*s));
    mem_free(s);
}

const struct master_key *master_key_set_find(const struct master_key_set *s, struct bytes id)
{
    for (size_t i = s->count; i > 0; i--)
        if (bytes_equal(bytes_text(s->keys[i - 1].name.id), id))
            return &s->keys[i - 1];
    return NULL;
}

const struct master_key *master_key_set_alias(const struct master_key_set *s, struct bytes alias)
{
    for (size_t i = s->count; i > 0; i--) {
        const struct master_key *key = &s->keys[i - 1];
        if (alias.len && bytes_equal(bytes_text(key->alias), alias) &&
            master_key_set_find(s, bytes_text(key->name.id)) == key)
            return key;
    }
    return NULL;
}

/* 8-4-4-4-12 hex digits, lower case. */
static bool is_key_id(struct bytes text)
{
    if (text.len != UUID_BYTES - 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (hyphen ? c != '-' : !hex)
            return false;
    }
    return true;
}

static bool is_alias(struct bytes text)
{
    static const struct bytes head = BYTES_LITERAL("alias/");
    if (!bytes_starts_with(text, head) || text.len == head.len || text.len >= KEY_ALIAS_BYTES)
        return false;
    for (size_t i = head.len; i < text.len; i++) {
        uint8_t c = text.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '/' && c != '_' && c != '-')
            return false;
    }
    return true;
}

/* Tells two versions of a key apart, and tells nothing else of them. */
static uint64_t version_of(const uint8_t bits[AEAD_KEY_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    uint64_t version;
    digest_hmac_sha256(bytes_of(bits, AEAD_KEY_BYTES),
                       BYTES_LITERAL("sluice: the version of a master key"), digest);
    memcpy(&version, digest, sizeof(version));
    return version;
}

static struct bytes word_take(struct bytes *line)
{
    struct bytes rest = bytes_trim(*line);
    size_t len = 0;
    while (len < rest.len && rest.at[len] != ' ' && rest.at[len] != '\t')
        len++;
    *line = bytes_of(rest.at + len, rest.len - len);
    return bytes_of(rest.at, len);
}

/* What is wrong with it, or NULL. */
static const char *parse_line(struct bytes line, struct master_key *out)
{
    struct bytes id = word_take(&line), alias = word_take(&line), state = word_take(&line),
                 bits = word_take(&line);
    *out = (struct master_key){.enabled = bytes_equal(state, BYTES_LITERAL("enabled"))};
    if (!is_key_id(id))
        return "a line begins with a key id: a UUID in lower case";
    if (!is_alias(alias) && !bytes_equal(alias, BYTES_LITERAL("-")))
        return "behind the key id stands alias/NAME, or - for none";
    if (!out->enabled && !bytes_equal(state, BYTES_LITERAL("disabled")))
        return "behind the alias stands enabled or disabled";
    if (!hex_parse(bits, out->bits, AEAD_KEY_BYTES))
        return "a key is 64 hex digits";
    if (bytes_trim(line).len)
        return "nothing may stand behind the key";
    memcpy(out->name.id, id.at, id.len);
    if (alias.len > 1)
        memcpy(out->alias, alias.at, alias.len);
    out->name.version = version_of(out->bits);
    return NULL;
}

/* K2: of the lines that count, no two have one alias. */
static bool aliases_are_clear(const struct master_key_set *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct master_key *key = &s->keys[i];
        if (key->alias[0] && master_key_set_find(s, bytes_text(key->name.id)) == key &&
            master_key_set_alias(s, bytes_text(key->alias)) != key)
            return false;
    }
    return true;
}

enum status master_keys_parse(struct bytes text, struct master_key_set *s, struct fault *f)
{
    unsigned number = 0;
    while (text.len) {
        const uint8_t *end = memchr(text.at, '\n', text.len);
        size_t len = end ? (size_t)(end - text.at) : text.len;
        struct bytes line = bytes_trim(bytes_of(text.at, len));
        text = end ? bytes_of(end + 1, text.len - len - 1) : BYTES_NONE;
        number++;
        if (line.len == 0 || line.at[0] == '#')
            continue;
        if (s->count == MASTER_KEYS_MAX)
            return fault_set(f, INVALID_VALUE, "more than %d master keys", MASTER_KEYS_MAX);
        const char *wrong = parse_line(line, &s->keys[s->count]);
        if (wrong)
            return fault_set(f, INVALID_VALUE, "line %u of the master keys: %s", number, wrong);
        s->count++;
    }
    if (!aliases_are_clear(s))
        return fault_set(f, INVALID_VALUE, "an alias stands beside two master keys");
    return OK;
}
