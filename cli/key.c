/* key.c: a column, a member, an expression, one text for all, or each line its own.
 *
 * A line's own key is a counter from a random beginning: records spread over the shards, and two runs differ. */
#include "cli/key.h"

#include "base/random.h"

#include <jansson.h>
#include <jq.h>
#include <string.h>

enum { KEY_BYTES_MAX = 4096 };

/* libjq would write to stderr. */
static void ignore(void *arg, jv message)
{
    (void)arg;
    jv_free(message);
}

static unsigned said(const struct invocation *words)
{
    return (unsigned)invocation_has(words, "key") + (unsigned)invocation_has(words, "key-jq") +
           (unsigned)invocation_has(words, "key-fixed");
}

static enum cli_exit set_column(struct key *k, const struct invocation *words)
{
    k->text = invocation_text(words, "key");
    k->kind = k->must_be_json ? KEY_MEMBER : KEY_COLUMN;
    k->separator = invocation_text(words, "separator");
    k->separator = k->separator ? k->separator : "\t";
    if (k->kind == KEY_MEMBER)
        return CLI_DONE;
    if (k->separator[0] == '\0')
        return session_say(words, CLI_MISUSED, "--separator may not be empty");
    if (!bytes_to_u64(bytes_text(k->text), &k->column) || k->column == 0)
        return session_say(words, CLI_MISUSED,
                           "--key takes a column's number from 1 (with --jsonl a member's name), "
                           "not %.80s",
                           k->text);
    return CLI_DONE;
}

static enum cli_exit set_jq(struct key *k, const struct invocation *words)
{
    k->kind = KEY_JQ;
    k->jq = jq_init();
    if (k->jq == NULL)
        return session_say(words, CLI_FAILED, "jq cannot be begun");
    jq_set_error_cb(k->jq, ignore, NULL);
    if (!jq_compile(k->jq, invocation_text(words, "key-jq")))
        return session_say(words, CLI_MISUSED, "--key-jq is no jq expression: %.200s",
                           invocation_text(words, "key-jq"));
    return CLI_DONE;
}

enum cli_exit key_init(struct key *k, const struct invocation *words)
{
    *k = (struct key){.must_be_json = invocation_has(words, "jsonl")};
    buf_init(&k->room, KEY_BYTES_MAX);
    random_noise(&k->base, sizeof(k->base));
    if (said(words) > 1)
        return session_say(words, CLI_MISUSED,
                           "--key, --key-jq and --key-fixed exclude each other");
    if (invocation_has(words, "key"))
        return set_column(k, words);
    if (invocation_has(words, "key-jq"))
        return set_jq(k, words);
    if (invocation_has(words, "key-fixed")) {
        k->kind = KEY_FIXED;
        k->text = invocation_text(words, "key-fixed");
    }
    return CLI_DONE;
}

static const char *column_of(const struct key *k, struct bytes line, struct bytes *key)
{
    size_t len = strlen(k->separator);
    for (uint64_t column = 1;; column++) {
        const uint8_t *end = memmem(line.at, line.len, k->separator, len);
        size_t width = end ? (size_t)(end - line.at) : line.len;
        if (column == k->column) {
            *key = bytes_of(line.at, width);
            return width > 0 ? NULL : "its key column is empty";
        }
        if (end == NULL)
            return "it has no such column";
        line = bytes_of(end + len, line.len - width - len);
    }
}

static const char *take_json(struct key *k, const json_t *value, struct bytes *key)
{
    if (json_is_string(value))
        buf_append(&k->room, bytes_of(json_string_value(value), json_string_length(value)));
    else if (json_is_integer(value))
        buf_printf(&k->room, "%lld", (long long)json_integer_value(value));
    else
        return "its key is no text and no whole number";
    *key = buf_view(&k->room);
    return k->room.status == OK ? NULL : "its key is too long";
}

/* Of lines that must be JSON, and their members. */
static const char *member_of(struct key *k, struct bytes line, struct bytes *key)
{
    json_t *value = json_loadb((const char *)line.at, line.len, JSON_DECODE_ANY, NULL);
    const char *why = NULL;
    if (value == NULL)
        return "it is not JSON";
    if (k->kind == KEY_MEMBER) {
        const json_t *member = json_object_get(value, k->text);
        why = member ? take_json(k, member, key) : "it has no such member";
    }
    json_decref(value);
    return why;
}

static const char *jq_of(struct key *k, struct bytes line, struct bytes *key)
{
    jv input = jv_parse_sized((const char *)line.at, (int)line.len);
    if (!jv_is_valid(input)) {
        jv_free(input);
        return "it is not JSON";
    }
    jq_start(k->jq, input, 0);
    jv result = jq_next(k->jq);
    bool fine = jv_is_valid(result) && jv_get_kind(result) != JV_KIND_NULL;
    if (fine) {
        jv text = jv_get_kind(result) == JV_KIND_STRING ? result : jv_dump_string(result, 0);
        buf_append(&k->room,
                   bytes_of(jv_string_value(text), (size_t)jv_string_length_bytes(jv_copy(text))));
        jv_free(text);
    } else {
        jv_free(result);
    }
    *key = buf_view(&k->room);
    if (!fine)
        return "the jq expression gives no key for it";
    return k->room.status == OK ? NULL : "its key is too long";
}

const char *key_of(struct key *k, struct bytes line, struct bytes *key)
{
    buf_clear(&k->room);
    if (k->kind == KEY_JQ)
        return jq_of(k, line, key);
    if (k->must_be_json) {
        const char *why = member_of(k, line, key);
        if (why || k->kind == KEY_MEMBER)
            return why;
    }
    if (k->kind == KEY_COLUMN)
        return column_of(k, line, key);
    if (k->kind == KEY_FIXED) {
        *key = bytes_text(k->text);
        return NULL;
    }
    buf_printf(&k->room, "%016llx", (unsigned long long)(k->base + k->count++));
    *key = buf_view(&k->room);
    return NULL;
}

void key_fini(struct key *k)
{
    if (k->jq)
        jq_teardown(&k->jq);
    buf_fini(&k->room);
}
