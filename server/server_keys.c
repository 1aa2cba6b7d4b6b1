/* server_keys.c: adds and removes access keys while the server runs.
 *
 * I1. A key is in force only after the catalog made it durable; what is removed is out of force
 * only after that too: what the caller was told is true after a crash.
 *
 * Thread: the main thread, which waits for the catalog's. */
#include "server/server_keys.h"

#include "base/must.h"
#include "base/thread.h"

#include <errno.h>
#include <semaphore.h>

struct waiting {
    struct catalog_command command;
    sem_t done;
};

/* Thread: the catalog's. */
static void command_done(struct catalog_command *command)
{
    sem_post(&LIST_OWNER(command, struct waiting, command)->done);
}

static enum status carry_out(struct server_keys *k, enum catalog_verb verb, struct bytes access_key,
                             struct bytes secret, struct bytes account_id, struct fault *f)
{
    struct waiting w = {
        .command = {.verb = verb, .key = {access_key, secret, account_id}, .done = command_done}};
    thread_must_be(THREAD_MAIN);
    must(sem_init(&w.done, 0, 0) == 0);
    catalog_submit(k->catalog, &w.command);
    while (sem_wait(&w.done) != 0)
        must(errno == EINTR);
    sem_destroy(&w.done);
    if (w.command.status != OK)
        return fault_set(f, w.command.status, "%s", w.command.fault.text);
    return OK;
}

static struct server_keys *of(struct admin_keys *admin)
{
    return LIST_OWNER(admin, struct server_keys, admin);
}

static enum status add(struct admin_keys *admin, struct bytes access_key, struct bytes secret,
                       struct bytes account_id, struct fault *f)
{
    struct server_keys *k = of(admin);
    enum status st = key_names_add(&k->names, access_key, account_id, f);
    if (st != OK)
        return st;
    st = carry_out(k, CATALOG_PUT_KEY, access_key, secret, account_id, f);
    if (st == OK)
        keys_set(k->keys, access_key, secret, account_id); /* I1 */
    else
        key_names_remove(&k->names, access_key);
    return st;
}

static enum status remove_key(struct admin_keys *admin, struct bytes access_key, struct fault *f)
{
    struct server_keys *k = of(admin);
    if (!key_names_has(&k->names, access_key))
        return fault_set(f, NOT_FOUND, "there is no access key %.*s",
                         (int)(access_key.len > 64 ? 64 : access_key.len),
                         (const char *)access_key.at);
    enum status st = carry_out(k, CATALOG_REMOVE_KEY, access_key, BYTES_NONE, BYTES_NONE, f);
    if (st != OK)
        return st;
    keys_remove(k->keys, access_key); /* I1 */
    key_names_remove(&k->names, access_key);
    return OK;
}

static size_t count(struct admin_keys *admin)
{
    return of(admin)->names.count;
}

static const char *name(struct admin_keys *admin, size_t index)
{
    return of(admin)->names.at[index].name;
}

static const char *account(struct admin_keys *admin, size_t index)
{
    return of(admin)->names.at[index].account;
}

static void found(void *arg, const char *access_key, const char *secret, const char *account_id)
{
    struct server_keys *k = arg;
    keys_set(k->keys, bytes_text(access_key), bytes_text(secret), bytes_text(account_id));
    if (key_names_add(&k->names, bytes_text(access_key), bytes_text(account_id), NULL) != OK)
        die("the catalog holds more than %d access keys", KEY_NAMES_MAX);
}

void server_keys_init(struct server_keys *k, struct catalog *catalog, struct keys *keys)
{
    *k = (struct server_keys){
        .admin =
            {.add = add, .remove = remove_key, .count = count, .name = name, .account = account},
        .catalog = catalog,
        .keys = keys,
    };
    key_names_init(&k->names);
    catalog_each_key(catalog, found, k);
}

void server_keys_fini(struct server_keys *k)
{
    key_names_fini(&k->names);
}
