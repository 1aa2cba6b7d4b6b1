/* inject.h: the rules of fault injection in force, and what they make of a request. For people who test their own clients: a server
 * without --inject or --dev has none of it. docs/FAULTS.md is for users.
 *
 * J1. What a rule draws is a function of its seed and of how many requests it fitted before: the same requests in the same order meet the
 *     same faults.
 * J2. Of the rules that hit, latencies add up, and the first that does anything else decides.
 *
 * Thread: any. */
#ifndef SLUICE_API_INJECT_H
#define SLUICE_API_INJECT_H

#include "api/inject_rules.h"

struct inject;
/* Without rules. */
struct inject *inject_new(void);
void inject_free(struct inject *i); /* NULL is allowed */
/* Puts rules in force instead of those there are; takes them over. */
void inject_set(struct inject *i, struct inject_rules *rules);
/* The rules in force, referenced; NULL when there are none. */
struct inject_rules *inject_look(struct inject *i);
/* Whether there are any. One load. */
bool inject_is_armed(const struct inject *i);

/* What is asked about. */
struct inject_question {
    const struct operation_model *operation;
    struct bytes account, stream; /* the caller's; may be absent */
    int64_t shard;                /* or SHARD_NONE */
};

struct inject_verdict {
    enum inject_action action; /* never LATENCY */
    uint32_t latency_ms;
    int http_status;  /* of an error, */
    const char *name; /* and */
    struct bytes text;
};

/* All rules. An error's name and text are copied to the arena. */
void inject_judge(struct inject *i, const struct inject_question *q, struct arena *arena,
                  struct inject_verdict *out);
/* Only those that throttle: for records and reads, once their shard is known. inject_judge leaves them out for PutRecord, PutRecords
 * and GetRecords. */
bool inject_throttles(struct inject *i, const struct inject_question *q);

#endif
