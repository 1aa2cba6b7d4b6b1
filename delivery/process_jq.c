/* process_jq.c: MetadataExtraction: a record's partition keys, by a query that a helper runs (query_helper.h).
 *
 *   run: a batch is a job -> go_on: records of all jobs, in order, in portions -> answers, in order -> its items have keys -> process_resume
 *
 *   helper: (none) -> go_on -> begun -> HELPER_READY -> answers ... -> given up: it died, hangs or says what nobody asked for
 *                       ^ after a rest, with back-off <-------------------/       -> ended when nothing came for a while
 *
 * J1. A helper that died costs one record at most, and the same one always (F3), however records fall into batches: what was not answered is asked
 *     again, one by one, and a record fails only when a helper that was asked nothing else dies of it by itself. Who was killed from outside,
 *     or could not be started, costs no record: it is begun again.
 * J2. Of requests and answers at most PORTION_BYTES and a record are held.
 *
 * Thread: the lane's; process_jq_check: one that may wait. */
#include "delivery/process_jq.h"

#include "base/backoff.h"
#include "base/mem.h"
#include "base/trace.h"
#include "delivery/process_query.h"
#include "delivery/query_helper.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#define FAILED "DynamicPartitioning.MetadataExtractionFailed"

enum {
    PORTION_BYTES = 128 * 1024,
    HANGS_MS = 60000, /* without any answer; a record's own time ends much before (Q1) */
    IDLE_MS = 30000,
    REST_FIRST_MS = 10,
    REST_MOST_MS = 5000
};

enum status process_jq_check(struct bytes query, struct bytes prefix, struct fault *f)
{
    struct query_keys keys;
    struct partition_names names;
    enum status st = query_scan(query, &keys, f);
    if (st == OK)
        st = partition_names_of(prefix, false, &names, f);
    for (uint32_t i = 0; st == OK && !keys.computed && i < names.count; i++) {
        bool made = false;
        for (uint32_t k = 0; k < keys.count; k++)
            made = made || bytes_equal(keys.at[k], names.at[i]);
        if (!made)
            st = fault_set(f, INVALID_ARGUMENT,
                           "MetadataExtractionQuery does not make the key %.*s of the Prefix.",
                           BYTES_ARGS(names.at[i]));
    }
    return st == OK ? query_try(query, f) : st;
}

/* ---- jobs ---- */

/* A batch with the step. Of its items `sent` and `got` are the first that was not asked about, and not answered. */
struct job {
    struct list node;
    struct process_work *work;
    uint32_t sent, got;
    enum status status;
};

struct extraction {
    struct process_settings settings;
    struct bytes query;
    struct partition_names names;
    struct child child;
    struct list jobs; /* in order */
    struct buf portion, answers;
    bool ready;     /* the helper compiled the query */
    bool fresh;     /* it has answered nothing yet */
    bool alone;     /* J1: the first job's records go one by one */
    uint32_t asked; /* records sent and not answered */
    struct backoff backoff;
    struct random chance;
    struct loop_timer again, hangs, idle;
};

/* The first from there on that has a way to go. */
static uint32_t next_item(const struct process_work *w, uint32_t from)
{
    while (from < w->count && w->items[from].fate != ITEM_GOES_ON)
        from++;
    return from;
}

static struct job *first_job(const struct extraction *e)
{
    struct list *first = list_first(&e->jobs);
    return first ? LIST_OWNER(first, struct job, node) : NULL;
}

/* J2. */
static void buffers_init(struct extraction *e)
{
    buf_init(&e->portion, PORTION_BYTES + QUERY_INPUT_BYTES_MAX + PORTION_BYTES);
    buf_init(&e->answers, 2 * QUERY_ANSWER_BYTES_MAX);
}

static void go_on(struct extraction *e);

/* The n-th item was answered: the job may be done. */
static void job_advance(struct extraction *e, struct job *j, uint32_t n)
{
    struct process_work *w = j->work;
    j->got = n + 1;
    if (next_item(w, j->got) < w->count)
        return;
    enum status st = j->status;
    e->alone = false;
    list_remove(&j->node);
    mem_free(j);
    go_on(e); /* before the batch's further steps: so the helper has something to do meanwhile */
    process_resume(w, st);
}

static void job_fail_item(struct job *j, uint32_t n, const char *why)
{
    enum status st = item_fail(j->work, &j->work->items[n], FAILED, why);
    j->status = j->status == OK ? st : j->status;
}

/* ---- the helper ---- */

/* What was asked and not answered is to be asked again. */
static int helper_stop(struct extraction *e)
{
    LIST_EACH(node, keep, &e->jobs)
    {
        struct job *j = LIST_OWNER(node, struct job, node);
        j->sent = j->got;
    }
    e->asked = 0;
    e->ready = false;
    buf_clear(&e->answers);
    loop_timer_cancel(e->settings.loop, &e->hangs);
    return child_stop(&e->child);
}

/* Says what is wrong, and goes on after a while. */
static void rest(struct extraction *e, const char *why)
{
    char text[DELIVERY_ERROR_BYTES];
    snprintf(text, sizeof(text), "MetadataExtractionQuery: %s", why);
    delivery_note_error(e->settings.delivery, text);
    trace(TRACE_WARN, "delivery", "%s: %s", e->settings.view->name, text);
    loop_timer_set(e->settings.loop, &e->again, backoff_next_ms(&e->backoff, &e->chance));
}

static void give_up(struct extraction *e, const char *why)
{
    bool had_one = e->ready && e->fresh && e->alone && e->asked > 0;
    bool asked = e->asked > 0;
    int how = helper_stop(e);
    bool by_itself = how != -1 && !(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    e->alone = e->alone || asked;
    rest(e, why);
    struct job *j = first_job(e);
    if (!j || !had_one || !by_itself)
        return;
    uint32_t n = next_item(j->work, j->got);
    job_fail_item(j, n, "The query took too much time or memory"); /* J1 */
    job_advance(e, j, n);
}

static void on_hangs(struct loop_timer *t)
{
    give_up(LIST_OWNER(t, struct extraction, hangs), "its process does not answer");
}

static void on_ended(struct child *child, const char *why)
{
    (void)why;
    give_up(LIST_OWNER(child, struct extraction, child), "its process ended");
}

static void on_again(struct loop_timer *t)
{
    go_on(LIST_OWNER(t, struct extraction, again));
}

static void on_idle(struct loop_timer *t)
{
    struct extraction *e = LIST_OWNER(t, struct extraction, idle);
    (void)helper_stop(e);
    buf_fini(&e->portion);
    buf_fini(&e->answers);
    buffers_init(e);
}

static enum status helper_begin(struct extraction *e, struct fault *f)
{
    e->fresh = true;
    enum status st = query_helper_begin(&e->child, f);
    if (st == OK)
        query_helper_hello(e->query, &e->names, &e->portion);
    return st;
}

/* ---- what is asked ---- */

static void fill_from(struct extraction *e, struct job *j)
{
    const struct process_work *w = j->work;
    while (e->portion.len < PORTION_BYTES && !(e->alone && e->asked > 0)) {
        uint32_t n = next_item(w, j->sent);
        if (n == w->count)
            return;
        frame_append(&e->portion, w->items[n].data);
        j->sent = n + 1;
        e->asked++;
    }
}

/* Asks what there is to be asked, as far as the helper takes it now. */
static void go_on(struct extraction *e)
{
    struct fault f = {0};
    enum status st = OK;
    loop_timer_cancel(e->settings.loop, &e->idle);
    if (!first_job(e))
        loop_timer_set(e->settings.loop, &e->idle, IDLE_MS);
    if (!first_job(e) || e->again.armed || child_is_writing(&e->child))
        return;
    buf_clear(&e->portion);
    if (!child_runs(&e->child))
        st = helper_begin(e, &f);
    LIST_EACH(node, keep, &e->jobs)
    {
        if (st == OK)
            fill_from(e, LIST_OWNER(node, struct job, node));
    }
    if (st == OK)
        st = e->portion.status;
    if (st == OK && e->portion.len > 0) {
        st = child_write(&e->child, buf_view(&e->portion), &f);
        loop_timer_set(e->settings.loop, &e->hangs, HANGS_MS);
    }
    if (st == OK)
        return;
    (void)helper_stop(e);
    rest(e, f.text[0] ? f.text : status_name(st));
}

static void on_wrote(struct child *child)
{
    go_on(LIST_OWNER(child, struct extraction, child));
}

/* ---- what is answered ---- */

static void take_answer(struct extraction *e, struct job *j, struct bytes frame)
{
    uint32_t n = next_item(j->work, j->got);
    struct bytes pairs = bytes_of(frame.at + 1, frame.len - 1), *to = &j->work->items[n].from_query;
    if (frame.at[0] == HELPER_NO_RESULT) {
        job_fail_item(j, n, "The query failed, or its result is not one JSON object");
    } else if (frame.at[0] == HELPER_BAD_VALUES) {
        job_fail_item(j, n, "partitionKeys values must not be null or empty");
    } else if (pairs.len > 0) {
        *to = arena_copy(&j->work->batch->arena, pairs);
        j->status = bytes_present(*to) ? j->status : NO_MEMORY;
    }
    e->asked--;
    e->fresh = false;
    backoff_reset(&e->backoff);
    job_advance(e, j, n);
}

/* NULL, or what is wrong with it. */
static const char *take_frame(struct extraction *e, struct bytes frame)
{
    static const uint8_t kinds[] = {HELPER_PAIRS, HELPER_NO_RESULT, HELPER_BAD_VALUES};
    struct job *j = first_job(e);
    if (frame.len == 0)
        return "its process answers nothing";
    if (!e->ready) {
        e->ready = frame.at[0] == HELPER_READY;
        return e->ready ? NULL : "it cannot be compiled";
    }
    if (e->asked == 0 || !j || !memchr(kinds, frame.at[0], sizeof(kinds)))
        return "its process said what nobody asked for";
    take_answer(e, j, frame);
    return NULL;
}

static void on_said(struct child *child, struct bytes bytes)
{
    struct extraction *e = LIST_OWNER(child, struct extraction, child);
    const char *wrong = NULL;
    enum status st = OK;
    buf_append(&e->answers, bytes);
    struct bytes rest_of = buf_view(&e->answers), frame;
    while (!wrong && child_runs(&e->child) &&
           (st = frame_take(&rest_of, QUERY_ANSWER_BYTES_MAX, &frame)) == OK)
        wrong = take_frame(e, frame);
    if (!child_runs(&e->child))
        return; /* a further portion could not be sent */
    if (wrong || st != END || e->answers.status != OK) {
        give_up(e, wrong ? wrong : "its process answers nonsense");
        return;
    }
    e->answers.len = rest_of.len;
    memmove(e->answers.at, rest_of.at, rest_of.len);
    if (e->asked > 0)
        loop_timer_set(e->settings.loop, &e->hangs, HANGS_MS);
    else
        loop_timer_cancel(e->settings.loop, &e->hangs);
    go_on(e);
}

static void on_complained(struct child *child, struct bytes line, bool is_cut)
{
    struct extraction *e = LIST_OWNER(child, struct extraction, child);
    trace(TRACE_WARN, "delivery", "%s: MetadataExtractionQuery: %.*s%s", e->settings.view->name,
          BYTES_ARGS(line), is_cut ? " ..." : "");
}

/* ---- as a step ---- */

static void close_extraction(void *own)
{
    struct extraction *e = own;
    loop_timer_cancel(e->settings.loop, &e->again);
    loop_timer_cancel(e->settings.loop, &e->hangs);
    loop_timer_cancel(e->settings.loop, &e->idle);
    child_fini(&e->child);
    buf_fini(&e->portion);
    buf_fini(&e->answers);
    mem_free(e);
}

static enum status open(const struct process_parameters *p, void **out, struct fault *f)
{
    static const struct child_ops ops = {
        .said = on_said, .complained = on_complained, .wrote = on_wrote, .ended = on_ended};
    struct extraction *e = MEM_NEW(struct extraction);
    *out = e;
    e->settings = *p->settings;
    e->query = processor_parameter(p->processor, "MetadataExtractionQuery");
    child_init(&e->child, e->settings.loop, &ops, e->settings.view->name);
    list_init(&e->jobs);
    buffers_init(e);
    e->backoff = (struct backoff){.first_ms = REST_FIRST_MS, .most_ms = REST_MOST_MS};
    random_seed(&e->chance, e->settings.seed);
    e->again.fire = on_again;
    e->hangs.fire = on_hangs;
    e->idle.fire = on_idle;
    return partition_names_of(view_prefix(p->settings->view), false, &e->names, f);
}

static enum status run(void *own, struct process_work *w)
{
    struct extraction *e = own;
    for (uint32_t n = 0; (n = next_item(w, n)) < w->count; n++) {
        if (w->items[n].data.len <= QUERY_INPUT_BYTES_MAX)
            continue;
        enum status st = item_fail(w, &w->items[n], FAILED, "The record is too large for a query");
        if (st != OK)
            return st;
    }
    if (next_item(w, 0) == w->count)
        return OK;
    struct job *j = MEM_NEW(struct job);
    j->work = w;
    list_append(&e->jobs, &j->node);
    go_on(e);
    return END;
}

static void cancel(void *own, struct process_work *w)
{
    struct extraction *e = own;
    (void)helper_stop(e);
    LIST_EACH(node, keep, &e->jobs)
    {
        struct job *j = LIST_OWNER(node, struct job, node);
        if (j->work != w)
            continue;
        list_remove(&j->node);
        mem_free(j);
    }
}

const struct process_step_kind process_jq = {.processor = "MetadataExtraction",
                                             .open = open,
                                             .close = close_extraction,
                                             .run = run,
                                             .cancel = cancel};
