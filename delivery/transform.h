/* transform.h: between the Lambda step (process_transform.c), what calls a transform (transform_http.c, transform_command.c) and what reads
 * its answers (transform_answer.c).
 *
 * Thread: the lane's. */
#ifndef SLUICE_DELIVERY_TRANSFORM_H
#define SLUICE_DELIVERY_TRANSFORM_H

#include "base/backoff.h"
#include "delivery/process_internal.h"
#include "delivery/process_partition.h"
#include "delivery/transforms.h"

enum {
    TRANSFORM_CALLS_MAX = 5, /* at once, of a lane; as AWS has it of a shard */
    TRANSFORM_CALLS_MAX_SPLUNK = 10,
    TRANSFORM_BODY_BYTES_MAX = 6 * 1024 * 1024,   /* each way */
    TRANSFORM_RECORD_BYTES_MAX = 4 * 1024 * 1024, /* of which that is all in base64 */
    TRANSFORM_ID_BYTES = 31,
    TRANSFORM_WHY_BYTES = 160
};

struct transform;
enum transform_call_state { CALL_WAITING, CALL_RUNNING, CALL_RESTING };
struct transform_call {
    struct transform *transform;
    struct process_work *work;
    struct process_item **items; /* in the order of the log */
    uint32_t count;
    struct buf request;
    uint32_t attempts;
    uint64_t began_us;
    enum transform_call_state state;
    struct backoff backoff;
    struct loop_timer again;
    struct list node;
    void *side; /* of who calls */
    /* set before transform_answered: */
    const char *code; /* NULL: it answered; else one of AWS's Lambda.* */
    char why[TRANSFORM_WHY_BYTES];
    struct buf answer;
};

struct transform_ops {
    bool lines;      /* a line for each record, both ways; else Lambda's body */
    bool one_by_one; /* calls; else as many at once as there may be */
    enum status (*open)(const struct transform_target *target, const struct process_settings *s,
                        void **out, struct fault *f);
    /* transform_answered follows, never before it returns. */
    void (*start)(void *side, struct transform_call *c);
    /* Takes a started one back. */
    void (*cancel)(void *side, struct transform_call *c);
    /* What it said last made no sense; NULL: calls are on their own. */
    void (*distrust)(void *side);
    void (*close)(void *side);
};
extern const struct transform_ops transform_http, transform_command;
void transform_answered(struct transform_call *c);

extern const struct process_step_kind process_transform;
/* Whether a LambdaArn names something that is there. INVALID_ARGUMENT. */
enum status process_transform_check(const struct transforms *t, struct bytes arn,
                                    struct fault *f) MUST_USE;

/* ---- transform_answer.c: pure ---- */

/* How the records of a call are marked. */
struct transform_reading {
    struct process_work *work;
    struct process_item **items;
    uint32_t count;
    const struct partition_names *names; /* that the prefix takes from a transform */
    struct arena *scratch;               /* of this attempt */
    uint32_t attempts;
    uint64_t now_ms;
    struct bytes arn;
    uint32_t failed; /* out: ProcessingFailed and what could not be read */
};
void transform_id(const struct process_work *w, const struct process_item *i,
                  char out[TRANSFORM_ID_BYTES]);
/* NO_MEMORY. */
enum status transform_fail(struct transform_reading *r, struct process_item *i, const char *code,
                           const char *message) MUST_USE;
/* Lambda's body. MALFORMED: it is none; nothing was marked. */
enum status transform_read_body(struct transform_reading *r, struct bytes answer) MUST_USE;
/* A line for each record, in order. MALFORMED: it answers other records; nothing was marked. */
enum status transform_read_lines(struct transform_reading *r, struct bytes answer) MUST_USE;

#endif
