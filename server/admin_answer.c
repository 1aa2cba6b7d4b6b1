/* admin_answer.c: the questions of the admin socket and their answers, without the socket, so that
 * a command line answers them itself when no server runs.
 *
 * I1. Whatever the bytes, there is one answer, and it is one line.
 * I2. The last key goes only when it is forced: without a key nobody can call the server.
 * I3. A secret is told once, to who asked for the key; it goes to no trace.
 *
 * Thread: the main thread. */
#include "server/admin.h"

#include "api/keys.h"
#include "base/json_text.h"
#include "shards/scope.h"

#include <jansson.h>

/* Takes `answer`. NULL, which is no memory, is answered too. */
static void answer_with(json_t *answer, struct buf *out)
{
    struct buf line;
    buf_init(&line, ADMIN_ANSWER_BYTES_MAX);
    if (json_text_append(answer, JSON_COMPACT, &line) == OK)
        buf_append(out, buf_view(&line));
    else
        buf_append_text(out, "{\"error\":\"no memory for the answer\"}");
    buf_fini(&line);
    buf_append_byte(out, '\n');
    json_decref(answer);
}

static void refuse(const char *sentence, struct buf *out)
{
    answer_with(json_pack("{ss}", "error", sentence), out);
}

static void add_key(struct admin_keys *keys, const json_t *question, struct buf *out)
{
    const json_t *given = json_object_get(question, "account");
    struct bytes account = bytes_text(given ? json_string_value(given) : "");
    if (!bytes_present(account) || (account.len && !account_is_valid(account))) {
        refuse("an account number has 12 digits", out);
        return;
    }
    char access_key[ACCESS_KEY_BYTES], secret[SECRET_KEY_BYTES];
    struct fault f = {.status = OK};
    keys_make(access_key, secret);
    if (keys->add(keys, bytes_text(access_key), bytes_text(secret), account, &f) != OK)
        refuse(f.text, out);
    else
        answer_with(json_pack("{ssss}", "access_key", access_key, "secret", secret), out);
    explicit_bzero(secret, sizeof(secret));
}

static void list_keys(struct admin_keys *keys, struct buf *out)
{
    json_t *names = json_array();
    for (size_t i = 0; i < keys->count(keys); i++)
        json_array_append_new(names, json_pack("{ssss}", "access_key", keys->name(keys, i),
                                               "account", keys->account(keys, i)));
    answer_with(json_pack("{so}", "keys", names), out);
}

static bool is_the_last(struct admin_keys *keys, const char *access_key)
{
    return keys->count(keys) == 1 && strcmp(keys->name(keys, 0), access_key) == 0;
}

static void remove_key(struct admin_keys *keys, const json_t *question, struct buf *out)
{
    const char *access_key = json_string_value(json_object_get(question, "access_key"));
    struct fault f = {.status = OK};
    if (!access_key) {
        refuse("keys-remove needs an access_key", out);
        return;
    }
    bool forced = json_is_true(json_object_get(question, "force"));
    if (!forced && is_the_last(keys, access_key)) { /* I2 */
        refuse("this is the last access key: without it nobody can call the server. Add another "
               "first, or use --force",
               out);
        return;
    }
    if (keys->remove(keys, bytes_text(access_key), &f) != OK)
        refuse(f.text, out);
    else
        answer_with(json_object(), out);
}

void admin_answer(struct admin_keys *keys, struct bytes question, struct buf *out)
{
    json_t *asked = json_loadb((const char *)question.at, question.len, 0, NULL);
    const char *command = json_string_value(json_object_get(asked, "command"));
    if (!command)
        refuse("a question is a JSON object with a \"command\"", out);
    else if (strcmp(command, "keys-add") == 0)
        add_key(keys, asked, out);
    else if (strcmp(command, "keys-list") == 0)
        list_keys(keys, out);
    else if (strcmp(command, "keys-remove") == 0)
        remove_key(keys, asked, out);
    else
        refuse("there is no such command", out);
    json_decref(asked);
}
