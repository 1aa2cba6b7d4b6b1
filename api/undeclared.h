/* undeclared.h: TLS clients that do not say beforehand, by ALPN, what they will speak. Thread: the loop's own, or before it runs. */
#ifndef SLUICE_API_UNDECLARED_H
#define SLUICE_API_UNDECLARED_H

#include "api/http1.h"
#include "api/http2.h"

struct undeclared;
/* `settings` and both transports must outlive it. */
struct undeclared *undeclared_new(const struct network_settings *settings,
                                  struct network_counts *counts, struct loop *loop,
                                  struct http1 *http1, struct http2 *http2);
/* Finds out what the socket speaks, and has it served; owns it from here on, also when that fails. */
void undeclared_add(struct undeclared *u, const struct handover *h);
/* After http1_drain, which ends those that it serves. Those that have said nothing yet are closed. `drained` is called once, when none is left:
 * perhaps at once. */
void undeclared_drain(struct undeclared *u, void (*drained)(void *), void *arg);
/* After http1_cut: waits for no client any more. */
void undeclared_cut(struct undeclared *u);
/* After `drained`, when the loop has stopped. */
void undeclared_free(struct undeclared *u);

#endif
