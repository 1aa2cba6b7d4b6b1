/* keys_command.c: asks the running server over its admin socket, or, when none runs, opens the
 * catalog's rows itself.
 *
 * Either way it is the same question and the same answer (admin_answer.c): so that the rules, such
 * as that the last key stays, hold in one place.
 *
 * I1. The catalog is opened here only under the folder's lock, which a running server holds.
 *
 * Thread: main. */
#include "server/keys_command.h"

#include "base/file.h"
#include "base/json_text.h"
#include "base/mem.h"
#include "server/admin.h"
#include "server/data_folder.h"
#include "server/key_names.h"
#include "server/server_settings.h"
#include "shards/catalog_store.h"

#include <jansson.h>
#include <stdio.h>

enum { DONE = 0, FAILED = 1, MISUSED = 2 };

/* ---- the keys of a folder that nobody serves ---- */

struct stored_keys {
    struct admin_keys admin;
    struct catalog_reader reader;
    struct catalog_store *store;
    struct key_names names;
};

static enum status add(struct admin_keys *admin, struct bytes access_key, struct bytes secret,
                       struct bytes account_id, struct fault *f)
{
    struct stored_keys *k = LIST_OWNER(admin, struct stored_keys, admin);
    enum status st = key_names_add(&k->names, access_key, account_id, f);
    if (st != OK)
        return st;
    struct catalog_batch *b = catalog_batch_new();
    catalog_batch_put_key(b, access_key, secret, account_id, clock_wall_ms(&clock_system));
    return catalog_store_commit(k->store, b, f);
}

static enum status remove_key(struct admin_keys *admin, struct bytes access_key, struct fault *f)
{
    struct stored_keys *k = LIST_OWNER(admin, struct stored_keys, admin);
    if (!key_names_has(&k->names, access_key))
        return fault_set(f, NOT_FOUND, "there is no access key %.*s",
                         (int)(access_key.len > 64 ? 64 : access_key.len),
                         (const char *)access_key.at);
    struct catalog_batch *b = catalog_batch_new();
    catalog_batch_remove_key(b, access_key);
    return catalog_store_commit(k->store, b, f);
}

static size_t count(struct admin_keys *admin)
{
    return LIST_OWNER(admin, struct stored_keys, admin)->names.count;
}

static const char *name(struct admin_keys *admin, size_t index)
{
    return LIST_OWNER(admin, struct stored_keys, admin)->names.at[index].name;
}

static const char *account(struct admin_keys *admin, size_t index)
{
    return LIST_OWNER(admin, struct stored_keys, admin)->names.at[index].account;
}

static enum status found_key(struct catalog_reader *r, const char *access_key, const char *secret,
                             const char *account_id, uint64_t created_ms, struct fault *f)
{
    (void)secret;
    (void)created_ms;
    return key_names_add(&LIST_OWNER(r, struct stored_keys, reader)->names, bytes_text(access_key),
                         bytes_text(account_id), f);
}

static enum status answer_from_store(const struct data_folder *folder, struct bytes question,
                                     struct buf *answer, struct fault *f)
{
    struct stored_keys k = {
        .admin =
            {.add = add, .remove = remove_key, .count = count, .name = name, .account = account},
        .reader = {.key = found_key},
    };
    if (!file_exists(folder->catalog))
        return fault_set(f, NOT_FOUND, "%s holds no catalog: start a server there first",
                         folder->path);
    enum status st = catalog_store_open(folder->catalog, &k.store, f);
    if (st != OK)
        return st;
    key_names_init(&k.names);
    st = catalog_store_read(k.store, &k.reader, f);
    if (st == OK)
        admin_answer(&k.admin, question, answer);
    key_names_fini(&k.names);
    catalog_store_close(k.store);
    return st;
}

static enum status ask(const char *data, struct bytes question, struct buf *answer, struct fault *f)
{
    enum status st = admin_ask(data, question, answer, f);
    if (st != NOT_FOUND)
        return st;
    struct data_folder folder = {0};
    st = data_folder_open(&folder, data, f); /* I1 */
    if (st == OK)
        st = answer_from_store(&folder, question, answer, f);
    data_folder_close(&folder);
    return st;
}

/* ---- the words ---- */

/* What stood behind the verb. */
struct said {
    const char *key, *account; /* NULL: not given */
    bool force;
};

static json_t *question_add(const struct said *s)
{
    if (s->key || s->force)
        return NULL;
    return json_pack("{ssss}", "command", "keys-add", "account", s->account ? s->account : "");
}

static json_t *question_list(const struct said *s)
{
    return s->key || s->force || s->account ? NULL : json_pack("{ss}", "command", "keys-list");
}

static json_t *question_remove(const struct said *s)
{
    if (!s->key || s->account)
        return NULL;
    return json_pack("{sssssb}", "command", "keys-remove", "access_key", s->key, "force", s->force);
}

static void tell_added(const json_t *answer)
{
    printf("export AWS_ACCESS_KEY_ID='%s'\nexport AWS_SECRET_ACCESS_KEY='%s'\n",
           json_string_value(json_object_get(answer, "access_key")),
           json_string_value(json_object_get(answer, "secret")));
    fputs("The secret is shown this once: keep it.\n", stderr);
}

static void tell_list(const json_t *answer)
{
    const json_t *keys = json_object_get(answer, "keys");
    for (size_t i = 0; i < json_array_size(keys); i++) {
        const json_t *key = json_array_get(keys, i);
        const char *account_id = json_string_value(json_object_get(key, "account"));
        printf("%s\t%s\n", json_string_value(json_object_get(key, "access_key")),
               account_id && account_id[0] ? account_id : "default");
    }
    if (json_array_size(keys) == 0)
        fputs("There are no access keys.\n", stderr);
}

static void tell_removed(const json_t *answer)
{
    (void)answer;
    fputs("The key is removed: it opens nothing any more.\n", stderr);
}

static const struct verb {
    const char *name;
    json_t *(*question)(const struct said *); /* NULL: the words do not fit it */
    void (*tell)(const json_t *answer);
} verbs[] = {
    {"add", question_add, tell_added},
    {"list", question_list, tell_list},
    {"remove", question_remove, tell_removed},
};

static const struct verb *verb_find(const char *word)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].name, word) == 0)
            return &verbs[i];
    }
    return NULL;
}

void keys_command_help(struct buf *out)
{
    buf_append_text(
        out,
        "sluice keys: who may call the server.\n\n"
        "  sluice keys add                       makes an access key and prints it, once\n"
        "         --account 123456789012         of that account (else of the server's "
        "--account-id)\n"
        "  sluice keys list                      prints the names of all keys, and their accounts\n"
        "  sluice keys remove ACCESS_KEY         the key opens nothing any more, at once\n"
        "         --force                        also when it is the last one\n"
        "         --data FOLDER                  the server's data folder (default: ./data, "
        "or SLUICE_DATA)\n"
        "         --config FILE                  or the file that names it\n\n"
        "It works while the server runs, and when it does not. Example, which puts a new key "
        "to use:\n\n"
        "  eval \"$(sluice keys add)\"\n");
}

/* Asks, and tells the answer. */
static int run(const struct verb *verb, json_t *question, const char *data)
{
    struct fault f = {.status = OK};
    struct buf answer;
    buf_init(&answer, ADMIN_ANSWER_BYTES_MAX);
    struct buf line;
    buf_init(&line, ADMIN_LINE_BYTES_MAX - 1);
    int outcome = FAILED;
    json_t *told = NULL;
    if (json_text_append(question, JSON_COMPACT, &line) != OK) {
        fputs("sluice keys: that is no access key\n", stderr);
        goto done;
    }
    if (ask(data, buf_view(&line), &answer, &f) != OK) {
        fprintf(stderr, "sluice keys: %s\n", f.text);
        goto done;
    }
    told = json_loadb((const char *)answer.at, answer.len, 0, NULL);
    const char *error = json_string_value(json_object_get(told, "error"));
    if (!told || error) {
        fprintf(stderr, "sluice keys: %s\n", error ? error : "the server's answer cannot be read");
        goto done;
    }
    verb->tell(told);
    outcome = DONE;
done:
    json_decref(told);
    buf_fini(&line);
    buf_fini(&answer);
    return outcome;
}

static int misused(const char *sentence)
{
    fprintf(stderr, "sluice keys: %s\nTry: sluice keys --help\n", sentence);
    return MISUSED;
}

int keys_command(int argc, char **argv, char *const *environment)
{
    struct server_words words;
    struct server_settings settings;
    struct fault f = {.status = OK};
    const struct verb *verb = argc > 0 ? verb_find(argv[0]) : NULL;
    if (argc > 0 && !verb && argv[0][0] != '-')
        return misused("what it can do is add, list and remove");
    int used = 0;
    if (server_words_read(argc - (verb != NULL), argv + (verb != NULL), &words, &f) != OK)
        return misused(f.text);
    if (words.help) {
        struct buf out;
        buf_init(&out, 8192);
        keys_command_help(&out);
        fwrite(out.at, 1, out.len, stdout);
        buf_fini(&out);
        return DONE;
    }
    if (!verb)
        return misused("say what to do: add, list or remove");
    /* The key may stand before the flags or behind them. */
    char *key = words.rest_count > 0 && words.rest[0][0] != '-' ? words.rest[0] : NULL;
    words.rest += key != NULL;
    words.rest_count -= key != NULL;
    if (server_settings_load(&words, environment, &settings, &used, &f) != OK)
        return misused(f.text);
    if (!key && used < words.rest_count)
        key = words.rest[used++];
    json_t *question = used < words.rest_count
                           ? NULL
                           : verb->question(&(struct said){key, words.account, words.force});
    int outcome =
        question ? run(verb, question, settings.data) : misused("these words do not fit together");
    json_decref(question);
    server_settings_free(&settings);
    return outcome;
}
