/* query_ask.c: the server's side of a query helper (query_helper.h): beginning one, frames, and trying a query.
 *
 * Thread: any that may wait; frames: any. */
#include "delivery/query_helper.h"

#include "base/mem.h"

enum { FRAME_HEAD_BYTES = 4, TRY_MS = 20000 };

void frame_head(struct buf *out, size_t len)
{
    const uint8_t head[FRAME_HEAD_BYTES] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16),
                                            (uint8_t)(len >> 24)};
    buf_append(out, bytes_of(head, sizeof(head)));
}

void frame_append(struct buf *out, struct bytes bytes)
{
    frame_head(out, bytes.len);
    buf_append(out, bytes);
}

enum status frame_take(struct bytes *rest, size_t bytes_max, struct bytes *frame)
{
    if (rest->len < FRAME_HEAD_BYTES)
        return END;
    size_t len = rest->at[0] | (size_t)rest->at[1] << 8 | (size_t)rest->at[2] << 16 |
                 (size_t)rest->at[3] << 24;
    if (len > bytes_max)
        return TOO_LARGE;
    if (rest->len - FRAME_HEAD_BYTES < len)
        return END;
    *frame = bytes_of(rest->at + FRAME_HEAD_BYTES, len);
    *rest = bytes_of(frame->at + len, rest->len - FRAME_HEAD_BYTES - len);
    return OK;
}

enum status query_helper_begin(struct child *c, struct fault *f)
{
    static char program[] = "/proc/self/exe", word[] = QUERY_HELPER_WORD;
    static char zone[] = "TZ=UTC0", language[] = "LC_ALL=C"; /* Q2 */
    char *const words[] = {program, word, NULL};
    char *const environment[] = {zone, language, NULL};
    return child_begin(c, words, environment, f);
}

void query_helper_hello(struct bytes query, const struct partition_names *names, struct buf *out)
{
    frame_append(out, query);
    frame_append(out, bytes_of((const uint8_t[4]){(uint8_t)names->count}, 4));
    for (uint32_t i = 0; i < names->count; i++)
        frame_append(out, names->at[i]);
}

/* ---- a trial ---- */

struct trial {
    struct loop *loop;
    struct child child;
    struct loop_timer deadline;
    char answer; /* its kind; 0: it ended; 't': it took too long */
};

static void on_said(struct child *c, struct bytes bytes)
{
    struct trial *t = LIST_OWNER(c, struct trial, child);
    t->answer = (char)bytes.at[bytes.len - 1]; /* the one answer is its kind alone */
    loop_stop(t->loop);
}

static void on_ended(struct child *c, const char *why)
{
    (void)why;
    loop_stop(LIST_OWNER(c, struct trial, child)->loop);
}

static void on_deadline(struct loop_timer *timer)
{
    struct trial *t = LIST_OWNER(timer, struct trial, deadline);
    t->answer = 't';
    loop_stop(t->loop);
}

static enum status judge(const struct trial *t, struct fault *f)
{
    switch (t->answer) {
    case HELPER_READY:
        return OK;
    case HELPER_NO_PROGRAM:
        return fault_set(f, INVALID_ARGUMENT,
                         "MetadataExtractionQuery is not a valid JQ 1.6 expression.");
    case 't':
        return fault_set(f, IO_FAILED, "the process that compiles queries did not answer");
    default:
        return fault_set(f, INVALID_ARGUMENT,
                         "MetadataExtractionQuery cannot be compiled within its bounds of time "
                         "and memory.");
    }
}

enum status query_try(struct bytes query, struct fault *f)
{
    static const struct child_ops ops = {.said = on_said, .ended = on_ended};
    struct trial t = {.deadline = {.fire = on_deadline}};
    enum status st = loop_new(&t.loop, &clock_system, f);
    if (st != OK)
        return st;
    struct buf hello;
    struct partition_names none = {0};
    buf_init(&hello, QUERY_INPUT_BYTES_MAX);
    child_init(&t.child, t.loop, &ops, "MetadataExtractionQuery");
    query_helper_hello(query, &none, &hello);
    st = query_helper_begin(&t.child, f);
    if (st == OK)
        st = child_write(&t.child, buf_view(&hello), f);
    if (st == OK) {
        loop_timer_set(t.loop, &t.deadline, TRY_MS);
        loop_run(t.loop);
        st = judge(&t, f);
    }
    loop_timer_cancel(t.loop, &t.deadline);
    child_fini(&t.child);
    loop_free(t.loop);
    buf_fini(&hello);
    return st;
}
