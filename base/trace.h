/* trace.h: the program's own diagnostic lines, to stderr, as text or JSON lines. One write() a
 * line. Thread: any. Never pass a secret, a signature or record data. */
#ifndef SLUICE_BASE_TRACE_H
#define SLUICE_BASE_TRACE_H

enum trace_level { TRACE_ERROR, TRACE_WARN, TRACE_INFO, TRACE_DEBUG };
enum trace_format { TRACE_TEXT, TRACE_JSON };

void trace_set_level(enum trace_level level);
void trace_set_format(enum trace_format format);
/* `part` is the folder or file speaking, e.g. "listener". Control bytes are escaped. */
void trace(enum trace_level level, const char *part, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* At most one line a second for each call site that uses it, with a count of those left out. */
#define TRACE_SELDOM(level, part, ...)                                                             \
    do {                                                                                           \
        static struct trace_gate gate_;                                                            \
        if (trace_gate_open(&gate_))                                                               \
            trace(level, part, __VA_ARGS__);                                                       \
    } while (0)
struct trace_gate {
    _Atomic unsigned long last_s, dropped;
};
_Bool trace_gate_open(struct trace_gate *g);

#endif
