/* must.h: assertions that stay on in every build, and the one way to abort.
 *
 * must() is for our own mistakes. What the network or the disk sends is never asserted, always
 * checked. */
#ifndef SLUICE_BASE_MUST_H
#define SLUICE_BASE_MUST_H

#define must(condition)                                                                            \
    ((condition) ? (void)0 : must_failed(__FILE__, __LINE__, __func__, #condition))

/* Prints file, line, function, condition and a backtrace to stderr, then aborts. */
void must_failed(const char *file, int line, const char *function, const char *condition)
    __attribute__((noreturn, cold));

/* Ends the program because the world left it no way on (no memory for a small fixed allocation,
 * say). */
void die(const char *format, ...) __attribute__((noreturn, cold, format(printf, 1, 2)));

#endif
