/* query_helper.c: the helper itself, see the header. Blocking reads and writes, and no thread but its first.
 *
 * The result must be one object whose values are strings, numbers or booleans, none of them empty; else the record fails, as on AWS.
 * Of its keys those go on that the Prefix names: others would make outputs that write under the same prefix. */
#include "delivery/query_helper.h"

#include "base/mem.h"

#include <jq.h>
#include <math.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, FLUSH_BYTES = 32 * 1024, FLUSH_US = 100000 };
enum { DONE = 0, FAILED = 1 };

struct helper {
    struct buf in; /* from `at` on not looked at */
    size_t at;
    struct buf out;
    uint64_t flushed_us;
    jq_state *jq;
    struct buf names_text;
    struct partition_names names;
};

/* ---- bounds ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MEMORY_IS_BOUNDED = 0 }; /* their shadows are terabytes */
#else
enum { MEMORY_IS_BOUNDED = 1 };
#endif

static void bound(int resource, rlim_t most)
{
    setrlimit((__rlimit_resource_t)resource, &(struct rlimit){most, most});
}

/* Q1, Q2. */
static void bound_itself(void)
{
    static const int deadly[] = {SIGFPE, SIGSEGV, SIGBUS, SIGILL, SIGABRT};
    prctl(PR_SET_NAME, "sluice-query");
    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
        signal(deadly[i], SIG_DFL); /* sanitizers would report what libjq does */
    bound(RLIMIT_CORE, 0);
    bound(RLIMIT_NOFILE, 3);
    if (MEMORY_IS_BOUNDED)
        bound(RLIMIT_DATA, QUERY_MEMORY_BYTES);
}

/* Q1. From now on; SIGPROF ends it. */
static void begin_time(void)
{
    const struct itimerval time = {
        .it_value = {.tv_sec = QUERY_CPU_MS / 1000, .tv_usec = QUERY_CPU_MS % 1000 * 1000}};
    setitimer(ITIMER_PROF, &time, NULL);
}

/* ---- pipes ---- */

static bool flush(struct helper *h)
{
    size_t at = 0;
    while (at < h->out.len) {
        ssize_t n = write(STDOUT_FILENO, h->out.at + at, h->out.len - at);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    buf_clear(&h->out);
    h->flushed_us = clock_mono_us(&clock_system);
    return true;
}

static bool read_more(struct helper *h)
{
    if (h->at > 0) {
        h->in.len -= h->at;
        memmove(h->in.at, h->in.at + h->at, h->in.len);
        h->at = 0;
    }
    uint8_t *to = buf_reserve(&h->in, READ_BYTES);
    ssize_t n = to ? read(STDIN_FILENO, to, READ_BYTES) : -1;
    if (n <= 0)
        return false;
    buf_add(&h->in, (size_t)n);
    return true;
}

/* The view lasts until the next one. False: there is no more. What was answered goes out before anything is waited for. */
static bool next_frame(struct helper *h, struct bytes *frame)
{
    for (;;) {
        struct bytes rest = bytes_of(h->in.at + h->at, h->in.len - h->at);
        enum status st = frame_take(&rest, QUERY_INPUT_BYTES_MAX, frame);
        h->at = h->in.len - rest.len;
        if (st != END)
            return st == OK;
        if (!flush(h) || !read_more(h))
            return false;
    }
}

static void answer(struct helper *h, char kind, struct bytes more)
{
    frame_head(&h->out, more.len + 1);
    buf_append_byte(&h->out, (uint8_t)kind);
    buf_append(&h->out, more);
}

/* ---- the query ---- */

/* libjq would write to stderr. */
static void ignore(void *arg, jv message)
{
    (void)arg;
    jv_free(message);
}

static jq_state *compile(struct bytes query)
{
    jq_state *jq = jq_init();
    if (!jq)
        return NULL;
    jq_set_error_cb(jq, ignore, NULL);
    char *text = mem_must(query.len + 1);
    memcpy(text, query.at, query.len);
    int ok = memchr(text, 0, query.len) == NULL && jq_compile(jq, text);
    mem_free(text);
    if (!ok)
        jq_teardown(&jq);
    return jq;
}

/* The query's one result, or an invalid value. */
static jv evaluate(jq_state *jq, struct bytes data)
{
    jv input = jv_parse_sized((const char *)data.at, (int)data.len);
    if (!jv_is_valid(input))
        return input;
    jq_start(jq, input, 0);
    jv result = jq_next(jq);
    if (!jv_is_valid(result))
        return result;
    jv more = jq_next(jq);
    bool only = !jv_is_valid(more) && !jv_invalid_has_msg(jv_copy(more));
    jv_free(more);
    if (only)
        return result;
    jv_free(result);
    return jv_invalid();
}

/* A value as text; an invalid one when it cannot be a key. Takes v over. */
static jv text_of(jv v)
{
    switch (jv_get_kind(v)) {
    case JV_KIND_STRING:
        if (jv_string_length_bytes(jv_copy(v)) > 0)
            return v;
        break;
    case JV_KIND_NUMBER:
        if (!isnan(jv_number_value(v))) /* libjq reads nan, and writes it as null */
            return jv_dump_string(v, 0);
        break;
    case JV_KIND_TRUE:
    case JV_KIND_FALSE:
        return jv_dump_string(v, 0);
    default:
        break;
    }
    jv_free(v);
    return jv_invalid();
}

static bool all_are_texts(jv object)
{
    bool all = true;
    jv_object_foreach(object, key, value)
    {
        jv text = text_of(value);
        all = all && jv_is_valid(text);
        jv_free(text);
        jv_free(key);
    }
    return all;
}

/* The pairs that the prefix names; MALFORMED: one of them is not there. */
static enum status take_pairs(const struct helper *h, jv object, struct partition_pairs *pairs)
{
    enum status st = OK;
    for (uint32_t i = 0; i < h->names.count && st == OK; i++) {
        struct bytes name = h->names.at[i];
        jv text = text_of(
            jv_object_get(jv_copy(object), jv_string_sized((const char *)name.at, (int)name.len)));
        if (jv_is_valid(text))
            st = partition_add(
                pairs, false, name,
                bytes_of(jv_string_value(text), (size_t)jv_string_length_bytes(jv_copy(text))));
        else
            st = MALFORMED;
        jv_free(text);
    }
    return st;
}

/* ---- records ---- */

static void answer_record(struct helper *h, struct bytes record)
{
    struct partition_pairs pairs;
    begin_time();
    jv result = evaluate(h->jq, record);
    if (jv_get_kind(result) != JV_KIND_OBJECT) {
        answer(h, HELPER_NO_RESULT, BYTES_NONE);
    } else {
        partition_init(&pairs);
        bool good = all_are_texts(result) && take_pairs(h, result, &pairs) == OK;
        answer(h, good ? HELPER_PAIRS : HELPER_BAD_VALUES,
               good ? buf_view(&pairs.text) : BYTES_NONE);
        partition_fini(&pairs);
    }
    jv_free(result);
}

static bool read_names(struct helper *h)
{
    struct bytes frame;
    if (!next_frame(h, &frame) || frame.len != 4 || frame.at[0] > PREFIX_PARTS_MAX)
        return false;
    uint32_t count = frame.at[0];
    size_t ends[PREFIX_PARTS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        if (!next_frame(h, &frame))
            return false;
        buf_append(&h->names_text, frame);
        ends[i] = h->names_text.len;
    }
    for (size_t i = 0, begin = 0; i < count; begin = ends[i++])
        h->names.at[i] = bytes_of(h->names_text.at + begin, ends[i] - begin);
    h->names.count = count;
    return h->names_text.status == OK;
}

static int run(struct helper *h)
{
    struct bytes frame;
    if (!next_frame(h, &frame))
        return FAILED;
    begin_time();
    h->jq = compile(frame);
    answer(h, h->jq ? HELPER_READY : HELPER_NO_PROGRAM, BYTES_NONE);
    if (!flush(h)) /* at once: what comes now may be the end */
        return FAILED;
    if (!h->jq || !read_names(h))
        return FAILED;
    while (next_frame(h, &frame)) {
        answer_record(h, frame);
        bool late = clock_mono_us(&clock_system) - h->flushed_us > FLUSH_US;
        if ((late || h->out.len > FLUSH_BYTES) && !flush(h))
            return FAILED;
    }
    return DONE;
}

int query_helper_main(void)
{
    struct helper h = {0};
    bound_itself();
    buf_init(&h.in, 2 * (QUERY_INPUT_BYTES_MAX + READ_BYTES));
    buf_init(&h.out, 2 * QUERY_ANSWER_BYTES_MAX);
    buf_init(&h.names_text, READ_BYTES);
    int outcome = run(&h);
    if (h.jq)
        jq_teardown(&h.jq);
    buf_fini(&h.in);
    buf_fini(&h.out);
    buf_fini(&h.names_text);
    return outcome;
}
