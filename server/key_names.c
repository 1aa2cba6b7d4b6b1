/* key_names.c: a sorted row of names. Few and seldom changed, so it is searched from one end to the
 * other.
 *
 * Thread: its owner's. */
#include "server/key_names.h"

#include "base/mem.h"

#include <stdio.h>

void key_names_init(struct key_names *n)
{
    *n = (struct key_names){.at = mem_must(KEY_NAMES_MAX * sizeof(struct key_name))};
}

void key_names_fini(struct key_names *n)
{
    for (size_t i = 0; i < n->count; i++)
        mem_free(n->at[i].name);
    mem_free(n->at);
    *n = (struct key_names){0};
}

/* Where it is, or would go. */
static size_t place_of(const struct key_names *n, struct bytes name, bool *there)
{
    for (size_t i = 0; i < n->count; i++) {
        int order = bytes_compare(bytes_text(n->at[i].name), name);
        *there = order == 0;
        if (order >= 0)
            return i;
    }
    *there = false;
    return n->count;
}

bool key_names_has(const struct key_names *n, struct bytes name)
{
    bool there;
    place_of(n, name, &there);
    return there;
}

static void set_account(struct key_name *n, struct bytes account)
{
    bool valid = account_is_valid(account);
    snprintf(n->account, sizeof(n->account), "%.*s", valid ? (int)account.len : 0,
             valid ? (const char *)account.at : "");
}

enum status key_names_add(struct key_names *n, struct bytes name, struct bytes account,
                          struct fault *f)
{
    bool there;
    size_t at = place_of(n, name, &there);
    if (there) {
        set_account(&n->at[at], account);
        return OK;
    }
    if (n->count == KEY_NAMES_MAX)
        return fault_set(f, LIMIT_EXCEEDED, "there are %d access keys already: remove one first",
                         KEY_NAMES_MAX);
    char *copy = mem_must(name.len + 1);
    memcpy(copy, name.at, name.len);
    memmove(n->at + at + 1, n->at + at, (n->count - at) * sizeof(*n->at));
    n->at[at].name = copy;
    set_account(&n->at[at], account);
    n->count++;
    return OK;
}

void key_names_remove(struct key_names *n, struct bytes name)
{
    bool there;
    size_t at = place_of(n, name, &there);
    if (!there)
        return;
    mem_free(n->at[at].name);
    n->count--;
    memmove(n->at + at, n->at + at + 1, (n->count - at) * sizeof(*n->at));
}
