/* trace.c: one line for each thing an operator should know.
 *
 * A line is put together on the stack and written with one write(), so lines of different threads
 * do not mix and a crash loses none. What it says may hold names that came from the network:
 * control bytes and broken UTF-8 are escaped, so that nobody can forge a line, move the cursor of a
 * terminal, or break the JSON.
 *
 * I1. A line holds exactly one newline, at its end, and is at most LINE_BYTES long; a longer
 * message is cut.
 * I2. A JSON line is valid JSON whatever was passed in. I3. errno is left as it
 * was.
 *
 * Thread: any. */
#include "base/trace.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/lock.h"
#include "base/thread.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* A message of FAULT_TEXT_BYTES_MAX and words around it, every byte of it escaped, still fits two
 * pages. */
enum { MESSAGE_BYTES = 2048, LINE_BYTES = 8192, ESCAPE_BYTES_MAX = 6, TAIL_BYTES = 4 };

static _Atomic int level_most = TRACE_INFO;
static _Atomic int line_format = TRACE_TEXT;
static struct lock
    line_lock; /* one line at a time: a write to a socket or a full pipe may take several calls */
static pthread_once_t once = PTHREAD_ONCE_INIT;
/* Lines that this thread's gate kept back before the line it is about to write. */
static _Thread_local unsigned long left_out;

struct line {
    char at[LINE_BYTES];
    size_t len;
};

static void prepare(void)
{
    lock_init(&line_lock, LOCK_TRACE);
}

void trace_set_level(enum trace_level level)
{
    level_most = (int)level;
}

void trace_set_format(enum trace_format format)
{
    line_format = (int)format;
}

/* A control character: C0, DEL, or C1 in its UTF-8 form. */
static bool is_control(struct bytes text, size_t length)
{
    if (length == 1)
        return text.at[0] < 0x20 || text.at[0] == 0x7f;
    return length == 2 && text.at[0] == 0xc2 && text.at[1] < 0xa0;
}

static void add(struct line *l, struct bytes bytes)
{
    if (bytes.len > sizeof(l->at) - TAIL_BYTES - l->len) /* I1: the tail's room stays free */
        return;
    memcpy(l->at + l->len, bytes.at, bytes.len);
    l->len += bytes.len;
}

static void add_escaped(struct line *l, const char *words, bool json)
{
    struct bytes text = bytes_text(words);
    while (text.len > 0 && l->len < sizeof(l->at) - TAIL_BYTES - ESCAPE_BYTES_MAX) {
        size_t length = utf8_length(text);
        char escape[ESCAPE_BYTES_MAX + 1];
        struct bytes piece = bytes_of(text.at, length);
        if (json && length == 0) {
            piece = BYTES_LITERAL("\\ufffd");
        } else if (json && (text.at[0] == '"' || text.at[0] == '\\')) {
            snprintf(escape, sizeof(escape), "\\%c", text.at[0]);
            piece = bytes_text(escape);
        } else if (length == 0 || is_control(text, length)) {
            /* a control character of two bytes is named by its second, which is its number */
            snprintf(escape, sizeof(escape), json ? "\\u%04x" : "\\x%02x", text.at[length == 2]);
            piece = bytes_text(escape);
        }
        add(l, piece);
        length = length == 0 ? 1 : length;
        text = bytes_of(text.at + length, text.len - length);
    }
}

static void compose(struct line *l, const char *level, const char *part, const char *message,
                    bool json)
{
    static const struct words {
        const char *before_level, *before_thread, *before_part, *before_message, *tail;
    } text = {" ", " [", "] ", ": ", "\n"},
      object = {"\",\"level\":\"", "\",\"thread\":\"", "\",\"part\":\"", "\",\"message\":\"",
                "\"}\n"};
    const struct words *words = json ? &object : &text;
    char time[CLOCK_TEXT_BYTES];
    clock_print_iso(clock_wall_ms(&clock_system), time);
    if (json)
        add(l, bytes_text("{\"time\":\""));
    add(l, bytes_text(time));
    add(l, bytes_text(words->before_level));
    add(l, bytes_text(level));
    add(l, bytes_text(words->before_thread));
    add_escaped(l, thread_name(), json);
    add(l, bytes_text(words->before_part));
    add_escaped(l, part, json);
    add(l, bytes_text(words->before_message));
    add_escaped(l, message, json);
    memcpy(l->at + l->len, words->tail, strlen(words->tail)); /* in TAIL_BYTES */
    l->len += strlen(words->tail);
}

static void put_out(const struct line *l)
{
    pthread_once(&once, prepare);
    lock_take(&line_lock);
    for (size_t done = 0; done < l->len;) {
        ssize_t written = write(STDERR_FILENO, l->at + done, l->len - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            break; /* nobody listens: there is nowhere to complain */
        done += (size_t)written;
    }
    lock_drop(&line_lock);
}

void trace(enum trace_level level, const char *part, const char *format, ...)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    unsigned long skipped = left_out;
    left_out = 0;
    if ((int)level > atomic_load_explicit(&level_most, memory_order_relaxed))
        return;
    int error = errno; /* I3 */
    char message[MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (length < 0)
        message[0] = '\0';
    if (skipped > 0 && length >= 0 && (size_t)length < sizeof(message))
        snprintf(message + length, sizeof(message) - (size_t)length, " (and %lu more like it)",
                 skipped);
    struct line line;
    line.len = 0;
    compose(&line, names[level], part, message, line_format == TRACE_JSON);
    put_out(&line);
    errno = error;
}

_Bool trace_gate_open(struct trace_gate *g)
{
    /* + 1: so that 0 is before all time */
    unsigned long now_s = (unsigned long)(clock_mono_us(&clock_system) / 1000000) + 1;
    unsigned long last_s = g->last_s;
    if (last_s == now_s || !atomic_compare_exchange_strong(&g->last_s, &last_s, now_s)) {
        g->dropped++;
        return false;
    }
    left_out = atomic_exchange(&g->dropped, 0);
    return true;
}
