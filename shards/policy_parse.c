/* policy_parse.c: reads a policy with jansson, which bounds its own depth, and compiles it into an arena.
 *
 * A member is one row of a table: its name and the function that takes it; a name without a row is refused. Lists may be written as
 * one value, as IAM allows.
 *
 * Thread: any. */
#include "shards/policy_internal.h"

#include "base/mem.h"

#include <jansson.h>

enum { ARENA_BYTES_MAX = KIB(256) };

struct parsing {
    struct policy *policy;
    const char *resource_arn;
    struct fault *f;
    size_t statement;  /* being read, from 1; 0: none yet */
    size_t items_left; /* principals, actions and resources, all together */
    bool about_us;     /* a Resource of this statement matches */
    struct policy_statement out;
};

static enum status invalid(struct parsing *p, const char *what, const char *name)
{
    if (p->statement == 0)
        return fault_set(p->f, INVALID_ARGUMENT, "Invalid policy: %s%.200s.", what, name);
    return fault_set(p->f, INVALID_ARGUMENT, "Invalid policy: statement %zu: %s%.200s.",
                     p->statement, what, name);
}

static enum status no_memory(struct parsing *p)
{
    return fault_set(p->f, NO_MEMORY, "no memory for the policy");
}

/* ---- lists: one text, or an array of texts ---- */

typedef enum status item_fn(struct parsing *p, struct bytes text, uint32_t index);

static size_t items_of(const json_t *value)
{
    return json_is_array(value) ? json_array_size(value) : 1;
}

static enum status each_item(struct parsing *p, const json_t *value, const char *name,
                             item_fn *take)
{
    size_t count = items_of(value);
    if (count == 0)
        return invalid(p, "there must be something in ", name);
    if (count > p->items_left)
        return fault_set(p->f, LIMIT_EXCEEDED,
                         "A policy can name at most %d principals, actions and resources.",
                         POLICY_ITEMS_MAX);
    p->items_left -= count;
    enum status st = OK;
    for (size_t i = 0; st == OK && i < count; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        if (!json_is_string(item))
            return invalid(p, "not a text, or a list of texts: ", name);
        st = take(p, bytes_of(json_string_value(item), json_string_length(item)), (uint32_t)i);
    }
    return st;
}

/* ---- principals ---- */

/* "arn:aws:iam::123456789012:root", or ":user/KEY", or another of IAM's, which is nobody here. */
static bool take_principal_arn(struct bytes arn, struct policy_principal *out)
{
    static const struct bytes head = BYTES_LITERAL("arn:aws:iam::"), user = BYTES_LITERAL("user/");
    enum { ACCOUNT = ACCOUNT_BYTES - 1 };
    if (!bytes_starts_with(arn, head) || arn.len < head.len + ACCOUNT + 2 ||
        arn.at[head.len + ACCOUNT] != ':')
        return false;
    struct bytes rest = bytes_of(arn.at + head.len + ACCOUNT + 1, arn.len - head.len - ACCOUNT - 1);
    out->account = bytes_of(arn.at + head.len, ACCOUNT);
    if (bytes_starts_with(rest, user))
        out->access_key = bytes_of(rest.at + user.len, rest.len - user.len);
    else if (!bytes_equal(rest, BYTES_LITERAL("root")))
        out->access_key = BYTES_LITERAL(""); /* the name of no key */
    return account_is_valid(out->account);
}

static enum status take_principal(struct parsing *p, struct bytes text, uint32_t index)
{
    struct policy_principal *out = &p->out.principals[index];
    struct bytes kept = arena_copy(&p->policy->arena, text);
    if (!bytes_present(kept))
        return no_memory(p);
    if (bytes_equal(kept, BYTES_LITERAL("*")))
        out->anybody = true;
    else if (account_is_valid(kept))
        out->account = kept;
    else if (!take_principal_arn(kept, out))
        return invalid(p, "a principal is \"*\", an account's number or an ARN of IAM, not ",
                       (const char *)kept.at);
    return OK;
}

static enum status read_principal(struct parsing *p, const json_t *value)
{
    const json_t *list = value;
    if (json_is_object(value)) {
        const char *name;
        json_t *ignored;
        json_object_foreach((json_t *)(uintptr_t)value, name, ignored)
        {
            if (strcmp(name, "AWS") != 0)
                return invalid(p, "there are no principals here of type ", name);
        }
        list = json_object_get(value, "AWS");
    } else if (!json_is_string(value) || strcmp(json_string_value(value), "*") != 0) {
        return invalid(p, "Principal is \"*\" or {\"AWS\": ...}", "");
    }
    if (!list)
        return invalid(p, "there must be something in ", "Principal");
    p->out.principal_count = (uint32_t)items_of(list);
    p->out.principals =
        arena_zero(&p->policy->arena, (items_of(list) + 1) * sizeof(*p->out.principals));
    return p->out.principals ? each_item(p, list, "Principal", take_principal) : no_memory(p);
}

/* ---- actions, resources, effect ---- */

static bool is_action_pattern(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i] | 0x20;
        if (!(c >= 'a' && c <= 'z') && text.at[i] != '*' && text.at[i] != '?')
            return false;
    }
    return text.len > 0;
}

static enum status take_action(struct parsing *p, struct bytes text, uint32_t index)
{
    static const struct bytes service = BYTES_LITERAL("kinesis:");
    struct bytes kept = arena_copy(&p->policy->arena, text);
    if (!bytes_present(kept))
        return no_memory(p);
    struct bytes *out = &p->out.actions[index];
    *out = kept;
    if (bytes_equal(kept, BYTES_LITERAL("*")))
        return OK;
    bool ours =
        kept.len > service.len && bytes_equal_ignore_case(bytes_of(kept.at, service.len), service);
    if (ours)
        *out = bytes_of(kept.at + service.len, kept.len - service.len);
    if (ours && is_action_pattern(*out))
        return OK;
    return invalid(p, "an action is \"kinesis:\" and an operation's name, with * and ?, not ",
                   (const char *)kept.at);
}

static enum status read_action(struct parsing *p, const json_t *value)
{
    p->out.action_count = (uint32_t)items_of(value);
    p->out.actions = arena_zero(&p->policy->arena, (items_of(value) + 1) * sizeof(struct bytes));
    return p->out.actions ? each_item(p, value, "Action", take_action) : no_memory(p);
}

static enum status take_resource(struct parsing *p, struct bytes text, uint32_t index)
{
    (void)index;
    static const struct bytes head = BYTES_LITERAL("arn:");
    bool any = bytes_equal(text, BYTES_LITERAL("*"));
    for (size_t i = 0; i + 1 < text.len; i++)
        if (text.at[i] == '$' && text.at[i + 1] == '{')
            return invalid(p, "variables are not supported: ", (const char *)text.at);
    if (!any && !bytes_starts_with(text, head))
        return invalid(p, "a resource is \"*\" or an ARN, with * and ?, not ",
                       (const char *)text.at);
    if (any || policy_matches(text, bytes_text(p->resource_arn), false))
        p->about_us = true;
    return OK;
}

static enum status read_resource(struct parsing *p, const json_t *value)
{
    return each_item(p, value, "Resource", take_resource);
}

static enum status read_effect(struct parsing *p, const json_t *value)
{
    const char *effect = json_string_value(value);
    p->out.denies = effect && strcmp(effect, "Deny") == 0;
    return p->out.denies || (effect && strcmp(effect, "Allow") == 0)
               ? OK
               : invalid(p, "Effect is Allow or Deny", "");
}

static enum status read_name(struct parsing *p, const json_t *value)
{
    return json_is_string(value) ? OK : invalid(p, "not a text: ", "Sid or Id");
}

/* ---- objects ---- */

struct member {
    const char *name;
    enum status (*read)(struct parsing *, const json_t *);
    bool required;
};

static enum status read_members(struct parsing *p, const json_t *object,
                                const struct member *members, size_t count)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        size_t i = 0;
        while (i < count && strcmp(members[i].name, name) != 0)
            i++;
        if (i == count)
            return invalid(p, "this server does not support ", name);
        enum status st = members[i].read(p, value);
        if (st != OK)
            return st;
    }
    for (size_t i = 0; i < count; i++)
        if (members[i].required && !json_object_get(object, members[i].name))
            return invalid(p, "there must be a member ", members[i].name);
    return OK;
}

static enum status read_statement(struct parsing *p, const json_t *object)
{
    static const struct member members[] = {
        {"Sid", read_name, false},           {"Effect", read_effect, true},
        {"Principal", read_principal, true}, {"Action", read_action, true},
        {"Resource", read_resource, true},
    };
    p->statement++;
    p->about_us = false;
    p->out = (struct policy_statement){0};
    if (!json_is_object(object))
        return invalid(p, "not an object", "");
    enum status st = read_members(p, object, members, sizeof(members) / sizeof(*members));
    if (st == OK && p->about_us)
        p->policy->statements[p->policy->count++] = p->out;
    return st;
}

static enum status read_statements(struct parsing *p, const json_t *value)
{
    size_t count = items_of(value);
    if (count == 0)
        return invalid(p, "there must be something in ", "Statement");
    if (count > POLICY_STATEMENTS_MAX)
        return fault_set(p->f, LIMIT_EXCEEDED, "A policy can have at most %d statements.",
                         POLICY_STATEMENTS_MAX);
    p->policy->statements = arena_zero(&p->policy->arena, count * sizeof(*p->policy->statements));
    enum status st = p->policy->statements ? OK : no_memory(p);
    for (size_t i = 0; st == OK && i < count; i++)
        st = read_statement(p, json_is_array(value) ? json_array_get(value, i) : value);
    p->statement = 0;
    return st;
}

static enum status read_version(struct parsing *p, const json_t *value)
{
    const char *version = json_string_value(value);
    bool known =
        version && (strcmp(version, "2012-10-17") == 0 || strcmp(version, "2008-10-17") == 0);
    return known ? OK : invalid(p, "Version is 2012-10-17", "");
}

static enum status read_document(struct parsing *p, const json_t *document)
{
    static const struct member members[] = {
        {"Version", read_version, false},
        {"Id", read_name, false},
        {"Statement", read_statements, true},
    };
    if (!json_is_object(document))
        return invalid(p, "it is not a JSON object, or has a member twice", "");
    return read_members(p, document, members, sizeof(members) / sizeof(*members));
}

enum status policy_parse(struct bytes text, const char *resource_arn, struct policy **out,
                         struct fault *f)
{
    *out = NULL;
    if (text.len > POLICY_BYTES_MAX)
        return fault_set(f, LIMIT_EXCEEDED,
                         "A policy can have at most %llu bytes; this one has %zu.",
                         POLICY_BYTES_MAX, text.len);
    struct policy *policy = MEM_NEW(struct policy);
    atomic_store(&policy->refs, 1);
    arena_init(&policy->arena, ARENA_BYTES_MAX);
    policy->text = arena_copy(&policy->arena, text);
    struct parsing p = {
        .policy = policy, .resource_arn = resource_arn, .f = f, .items_left = POLICY_ITEMS_MAX};
    json_t *document = json_loadb((const char *)text.at, text.len, JSON_REJECT_DUPLICATES, NULL);
    enum status st = bytes_present(policy->text) ? read_document(&p, document) : no_memory(&p);
    json_decref(document);
    if (st == OK)
        *out = policy;
    else
        policy_unref(policy);
    return st;
}
