/* process_internal.h: the chain's inside: items on their way, and what a step is.
 *
 * A batch's records become items, one each. A step looks at all items of a batch, in order: it changes one, puts several in its
 * place, drops it or fails it. What is dropped or failed is left alone by the steps behind. In the end each item left is a result.
 *
 * Thread: the lane's. */
#ifndef SLUICE_DELIVERY_PROCESS_INTERNAL_H
#define SLUICE_DELIVERY_PROCESS_INTERNAL_H

#include "base/buf.h"
#include "delivery/process.h"
#include "delivery/process_cut.h"

enum { INFLATED_BYTES_MAX = 16 * 1024 * 1024 }; /* what a record may become by decompression */

enum process_fate { ITEM_GOES_ON, ITEM_DROPPED, ITEM_FAILED };

/* Why an item goes to the error output; of AWS's words. */
struct process_failure {
    const char *code, *message; /* literals, or the batch's arena */
    uint32_t attempts;
    uint64_t
        ended_ms; /* 0: when the record came. What does not call anybody fails at no time of its own (F3) */
    struct bytes lambda_arn;
    const struct firehose_schema_configuration
        *schema; /* of what did not become a row; else NULL */
};

struct process_item {
    uint32_t record; /* of batch->records */
    uint32_t sub;
    enum process_fate fate;
    struct bytes data;
    /* "query:name\0value\0", "lambda:name\0value\0", sorted by name; and both of them */
    struct bytes from_query, from_transform, partition;
    struct process_failure *failure;
};

/* A batch in the chain. */
struct process_work {
    struct process *chain;
    struct process_batch *batch;
    struct process_item *items; /* its own */
    uint32_t count, room;
    uint32_t step;  /* where it is */
    uint32_t calls; /* of the step it is with: under way */
    enum status calls_status;
    struct list node;
};

struct process_step;
struct process_parameters {
    const struct firehose_processor *processor; /* NULL: a step of its own */
    const struct process_settings *settings;
};
struct process_step_kind {
    const char *processor; /* AWS's type; NULL: none */
    /* Makes what runs; `out` is the step's own. NULL: nothing to make. */
    enum status (*open)(const struct process_parameters *p, void **out, struct fault *f);
    void (*close)(void *own);
    /* NO_MEMORY; OK: done; END: it goes on with process_resume. */
    enum status (*run)(void *own, struct process_work *w);
    /* Of one that answers END: the batch is given up. */
    void (*cancel)(void *own, struct process_work *w);
};
struct process_step {
    const struct process_step_kind *kind;
    void *own;
};
/* A step that answered END is done with the batch. Never from within `run`. */
void process_resume(struct process_work *w, enum status st);

extern const struct process_step_kind process_kpl, process_inflate, process_logs, process_split,
    process_delimit, process_convert;

/* ---- items ---- */

static inline const struct process_record *item_record(const struct process_work *w,
                                                       const struct process_item *i)
{
    return &w->batch->records[i->record];
}
/* NO_MEMORY. `code` and `message` are literals, or live in the batch's arena. */
enum status item_fail(struct process_work *w, struct process_item *i, const char *code,
                      const char *message) MUST_USE;

/* Replaces items by their parts: `cut` says MALFORMED or TOO_LARGE for what is to stay whole. */
enum status process_cut_all(struct process_work *w, process_cut_fn *cut, const void *own) MUST_USE;

/* The batch ends before the n-th item, which is the first of a record: within process_run only, before any step that calls somebody. */
void process_take_less(struct process_work *w, uint32_t n);

/* ---- parameters ---- */

/* Absent when it is not given. */
struct bytes processor_parameter(const struct firehose_processor *p, const char *name);
bool processor_is(const struct firehose_processor *p, const char *type);
/* A delimiter as AppendDelimiterToRecord has it: text, in which \n, \r, \t and \\ are meant. Lives in the arena. */
struct bytes delimiter_unescape(struct arena *a, struct bytes text);

/* ---- pure parts, for tests ---- */

/* gunzip of one record: MALFORMED; TOO_LARGE over INFLATED_BYTES_MAX. */
enum status gunzip(struct bytes data, struct buf *out) MUST_USE;
/* The messages of CloudWatch Logs' data, each with a newline between. END: a control message; MALFORMED. `body` is overwritten. */
enum status logs_messages(struct bytes body, struct arena *a, struct bytes *out) MUST_USE;

#endif
