/* transform_command.c: a transform that is a program of the operator's: one process for a lane, as long as it lives.
 *
 *   stdin    a line of JSON for each record: {"recordId", "approximateArrivalTimestamp", "data", ...} as in Lambda's body
 *   stdout   a line of JSON for each record, in the same order: {"recordId", "result", "data", "metadata"}
 *   stderr   lines that are traced
 *
 *   (none) -> start: child_begin -> answers, call by call -> child_stop, when it ends, hangs, or says what nobody asked for
 *
 * One call at a time, so that lines and records cannot be mistaken for each other: after anything strange the process is begun anew, and
 * the call made again. Between calls it waits; how soon it is begun again after it died is said by the call's back-off.
 *
 * T1. Nothing of a caller's is run or is an argument: the words are those of the operator's file, without a shell.
 * T2. The process gets no setting of ours (SLUICE_*: they may hold secrets).
 *
 * Left to others: the process itself (child.h).
 * Thread: the lane's. */
#include "delivery/transform.h"

#include "base/mem.h"
#include "base/trace.h"
#include "delivery/child.h"

#include <stdio.h>
#include <unistd.h>

enum { LEAVING_MS = 20 };

struct command {
    struct process_settings settings;
    struct transform_target target;
    struct child child;
    struct transform_call *call; /* under way */
    uint32_t lines;
    struct loop_timer deadline, soon; /* soon: the process is begun, or the one before looked for */
};

/* T2. */
static char **environment(void)
{
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **copy = mem_must((count + 1) * sizeof(char *));
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "SLUICE_", 7) != 0)
            copy[kept++] = environ[i];
    return copy;
}

static enum status begin(struct command *m, struct fault *f)
{
    char **given = environment();
    enum status st = child_begin(&m->child, m->target.command, given, f);
    mem_free(given);
    return st;
}

/* ---- calls ---- */

static struct transform_call *take_call(struct command *m)
{
    struct transform_call *c = m->call;
    m->call = NULL;
    loop_timer_cancel(m->settings.loop, &m->deadline);
    loop_timer_cancel(m->settings.loop, &m->soon);
    return c;
}

/* The process is of no use any more; nor is what the call has of it. */
static void give_up(struct command *m, const char *code, const char *why)
{
    (void)child_stop(&m->child);
    trace(TRACE_WARN, "delivery", "%s: transform %s: %s", m->settings.view->name, m->target.name,
          why);
    struct transform_call *c = take_call(m);
    if (!c)
        return;
    c->code = code;
    snprintf(c->why, sizeof(c->why), "%.*s", TRANSFORM_WHY_BYTES - 1, why);
    transform_answered(c);
}

static void on_deadline(struct loop_timer *t)
{
    give_up(LIST_OWNER(t, struct command, deadline), "Lambda.FunctionTimedOut",
            "it did not answer in time");
}

/* One that has not gone yet is waited for: that is no failure of the call's. */
static void on_soon(struct loop_timer *t)
{
    struct command *m = LIST_OWNER(t, struct command, soon);
    struct fault f;
    if (m->child.leaving) {
        loop_timer_set(m->settings.loop, &m->soon, LEAVING_MS);
        return;
    }
    enum status st = child_runs(&m->child) ? OK : begin(m, &f);
    if (st == OK)
        st = child_write(&m->child, buf_view(&m->call->request), &f);
    if (st != OK)
        give_up(m, "Lambda.InvokeFailed", f.text);
}

/* ---- the process ---- */

static void on_ended(struct child *child, const char *why)
{
    give_up(LIST_OWNER(child, struct command, child), "Lambda.FunctionError", why);
}

static void answered(struct command *m)
{
    if (child_is_writing(&m->child))
        (void)child_stop(&m->child); /* what it has not read of this call is not to be the next's */
    transform_answered(take_call(m));
}

static void on_said(struct child *child, struct bytes bytes)
{
    struct command *m = LIST_OWNER(child, struct command, child);
    if (!m->call) {
        give_up(m, "Lambda.FunctionError", "it said more than it was asked for");
        return;
    }
    for (size_t i = 0; i < bytes.len; i++)
        m->lines += bytes.at[i] == '\n';
    buf_append(&m->call->answer, bytes);
    if (m->call->answer.status != OK)
        give_up(m, "Lambda.ResponseTooLarge", "its answer is too large");
    else if (m->lines >= m->call->count)
        answered(m);
}

static void on_complained(struct child *child, struct bytes line, bool is_cut)
{
    struct command *m = LIST_OWNER(child, struct command, child);
    trace(TRACE_WARN, "delivery", "%s: transform %s: %.*s%s", m->settings.view->name,
          m->target.name, BYTES_ARGS(line), is_cut ? " ..." : "");
}

static const struct child_ops child_ops = {
    .said = on_said, .complained = on_complained, .ended = on_ended};

/* ---- as a side ---- */

static enum status open_command(const struct transform_target *target,
                                const struct process_settings *s, void **out, struct fault *f)
{
    (void)f;
    struct command *m = MEM_NEW(struct command);
    m->settings = *s;
    m->target = *target;
    child_init(&m->child, s->loop, &child_ops, target->name);
    m->deadline.fire = on_deadline;
    m->soon.fire = on_soon;
    *out = m;
    return OK;
}

static void start(void *own, struct transform_call *c)
{
    struct command *m = own;
    m->call = c;
    m->lines = 0;
    loop_timer_set(m->settings.loop, &m->deadline, m->target.timeout_ms);
    loop_timer_set(m->settings.loop, &m->soon, 0); /* whatever comes of it comes later */
}

static void cancel(void *own, struct transform_call *c)
{
    struct command *m = own;
    if (m->call != c)
        return;
    (void)take_call(m);
    (void)child_stop(&m->child);
}

static void distrust(void *own)
{
    struct command *m = own;
    (void)child_stop(&m->child);
}

static void close_command(void *own)
{
    struct command *m = own;
    loop_timer_cancel(m->settings.loop, &m->deadline);
    loop_timer_cancel(m->settings.loop, &m->soon);
    child_fini(&m->child);
    mem_free(m);
}

const struct transform_ops transform_command = {
    .lines = true,
    .one_by_one = true,
    .open = open_command,
    .start = start,
    .cancel = cancel,
    .distrust = distrust,
    .close = close_command,
};
