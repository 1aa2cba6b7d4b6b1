/* policy.c: asks a compiled policy. See policy.h; policy_parse.c makes it. */
#include "shards/policy_internal.h"

#include "base/mem.h"

static uint8_t folded(uint8_t c, bool ignore_case)
{
    return ignore_case && c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* The usual walk: on a mismatch the last * takes one more character. */
bool policy_matches(struct bytes pattern, struct bytes text, bool ignore_case)
{
    size_t p = 0, t = 0, star = SIZE_MAX, retry = 0;
    while (t < text.len) {
        uint8_t c = p < pattern.len ? pattern.at[p] : 0;
        if (p < pattern.len && c == '*') {
            star = p++;
            retry = t;
        } else if (p < pattern.len &&
                   (c == '?' || folded(c, ignore_case) == folded(text.at[t], ignore_case))) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*')
        p++;
    return p == pattern.len;
}

struct policy *policy_ref(struct policy *p)
{
    if (p)
        atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void policy_unref(struct policy *p)
{
    if (!p || atomic_fetch_sub(&p->refs, 1) != 1)
        return;
    arena_fini(&p->arena);
    mem_free(p);
}

struct bytes policy_text(const struct policy *p)
{
    return p->text;
}

static bool speaks_of_action(const struct policy_statement *s, struct bytes action)
{
    for (uint32_t i = 0; i < s->action_count; i++)
        if (policy_matches(s->actions[i], action, true))
            return true;
    return false;
}

enum named { NOBODY, AMONG_OTHERS, BY_NAME };

static enum named speaks_of_caller(const struct policy_statement *s,
                                   const struct policy_question *q)
{
    enum named named = NOBODY;
    for (uint32_t i = 0; i < s->principal_count && named != BY_NAME; i++) {
        const struct policy_principal *p = &s->principals[i];
        if (!p->anybody && !bytes_equal(p->account, q->account))
            continue;
        if (p->anybody || !bytes_present(p->access_key))
            named = AMONG_OTHERS;
        else if (bytes_equal(p->access_key, q->access_key))
            named = BY_NAME;
    }
    return named;
}

enum policy_answer policy_ask(const struct policy *p, const struct policy_question *q)
{
    enum policy_answer answer = POLICY_SILENT;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct policy_statement *s = &p->statements[i];
        enum named named = speaks_of_caller(s, q);
        if (named == NOBODY || !speaks_of_action(s, q->action))
            continue;
        enum policy_answer says = !s->denies         ? POLICY_ALLOWS
                                  : named == BY_NAME ? POLICY_DENIES_BY_NAME
                                                     : POLICY_DENIES;
        answer = says > answer ? says : answer; /* P1 */
    }
    return answer;
}
