/* policy.h: a resource policy: who may do what to one stream, as its owner wrote it, compiled to be asked quickly.
 *
 * Taken of IAM's language: Version, Id, Statement; of a statement Sid, Effect, Principal, Action, Resource. Whatever else there is
 * (Condition, NotAction, variables ...) is refused by name rather than passed over: a policy means all of what it says, or it is not taken.
 *
 *   principal  "*"                                anybody who is known
 *              {"AWS": "123456789012"}            the account; so does "arn:aws:iam::123456789012:root"
 *              {"AWS": "arn:aws:iam::ACCOUNT:user/KEY"}   the access key of that id; any other ARN of IAM is nobody here
 *   action     "kinesis:PutRecord", with * and ?, whatever the case
 *   resource   an ARN, with * and ?; statements about other resources are read, checked and dropped
 *
 * P1. One statement that denies outweighs all that allow.
 * P2. Memory and time are bounded by POLICY_BYTES_MAX, POLICY_STATEMENTS_MAX and POLICY_ITEMS_MAX.
 * Immutable; counted. Thread: any. */
#ifndef SLUICE_SHARDS_POLICY_H
#define SLUICE_SHARDS_POLICY_H

#include "base/bytes.h"
#include "base/limits.h"
#include "base/status.h"
#include "shards/scope.h"

struct policy;

/* Reads a policy of the resource with that ARN; one reference. INVALID_ARGUMENT says what it does not take, LIMIT_EXCEEDED that it is too
 * large. */
enum status policy_parse(struct bytes text, const char *resource_arn, struct policy **out,
                         struct fault *f) MUST_USE;
struct policy *policy_ref(struct policy *p); /* NULL stays NULL */
void policy_unref(struct policy *p);
/* As it was written; lives as long as the policy. */
struct bytes policy_text(const struct policy *p);

struct policy_question {
    struct bytes account, access_key; /* who asks */
    struct bytes action;              /* "PutRecord" */
};
/* The later outweighs the earlier (P1). */
enum policy_answer {
    POLICY_SILENT,
    POLICY_ALLOWS,
    POLICY_DENIES,        /* to all, or to all of an account */
    POLICY_DENIES_BY_NAME /* to this very access key */
};
enum policy_answer policy_ask(const struct policy *p, const struct policy_question *q);

#endif
