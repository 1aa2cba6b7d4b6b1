/* policy_fuzz.c: any bytes as a resource policy: refused with a reason, or taken, kept as written, and answering the same again. */
#include "base/must.h"
#include "shards/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum policy_answer ask(const struct policy *p, const char *account, const char *key)
{
    return policy_ask(p, &(struct policy_question){.account = bytes_text(account),
                                                   .access_key = bytes_text(key),
                                                   .action = BYTES_LITERAL("PutRecord")});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char arn[] = "arn:aws:kinesis:us-east-1:111111111111:stream/s";
    struct policy *first, *again;
    struct fault f = {0};
    enum status st = policy_parse(bytes_of(data, size), arn, &first, &f);
    if (st != OK) {
        must(st == INVALID_ARGUMENT || st == LIMIT_EXCEEDED);
        must(!first && f.text[0]);
        return 0;
    }
    must(bytes_equal(policy_text(first), bytes_of(data, size)));
    must(policy_parse(policy_text(first), arn, &again, &f) == OK);
    must(ask(again, "222222222222", "AKIAONE") == ask(first, "222222222222", "AKIAONE"));
    policy_unref(first);
    policy_unref(again);
    return 0;
}
