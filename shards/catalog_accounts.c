/* catalog_accounts.c: what is set for an account in a region as a whole: so far its billing commitment. */
#include "shards/catalog_internal.h"

#include "base/mem.h"

/* What is known of one; `scope` is its key. */
struct account {
    struct scope scope;
    struct commitment commitment;
};

static struct bytes key_of(const struct scope *scope)
{
    return bytes_of(scope, sizeof(*scope)); /* zeros behind its texts: scope_set */
}

void catalog_set_commitment(struct catalog *c, const struct scope *scope,
                            const struct commitment *commitment)
{
    struct account *a = table_find(&c->accounts, key_of(scope));
    if (!a) {
        a = MEM_NEW(struct account);
        a->scope = *scope;
        table_set(&c->accounts, key_of(&a->scope), a);
    }
    a->commitment = *commitment;
}

struct commitment catalog_commitment(const struct catalog *c, const struct scope *scope)
{
    const struct account *a = table_find(&c->accounts, key_of(scope));
    return a ? a->commitment : (struct commitment){0};
}

static bool changes(struct commitment a, struct commitment b)
{
    return a.started_ms != b.started_ms || a.ends_ms != b.ends_ms;
}

int catalog_settle_account(struct catalog *c, struct catalog_command *command)
{
    uint64_t now_ms = clock_wall_ms(c->settings.clock);
    struct commitment now = catalog_commitment(c, &command->scope), next = now;
    if (command->account.wish == COMMITMENT_ENABLE)
        next = commitment_enable(now, now_ms);
    else if (command->account.wish == COMMITMENT_DISABLE)
        next = commitment_disable(now, now_ms);
    command->account.commitment = next;
    if (!changes(now, next))
        return OK;
    if (now.started_ms == 0 && c->accounts.count >= ACCOUNTS_MAX)
        return fault_set(&command->fault, LIMIT_EXCEEDED,
                         "This server keeps settings of %d accounts, the most it can.",
                         ACCOUNTS_MAX);
    struct catalog_batch *b = catalog_batch_new();
    catalog_batch_put_account(b, &command->scope, &next);
    enum status st = catalog_store_commit(c->store, b, &command->fault);
    if (st == OK)
        catalog_set_commitment(c, &command->scope, &next);
    return st;
}

void catalog_accounts_close(struct catalog *c)
{
    void *a;
    for (size_t at = 0; table_next(&c->accounts, &at, &a);)
        mem_free(a);
    table_fini(&c->accounts);
}
