/* sender.h: a program that only sends: the limit of GetRecords at the tail. Thread: main. */
#ifndef SLUICE_BENCH_SUPPORT_SENDER_H
#define SLUICE_BENCH_SUPPORT_SENDER_H

#include "bench/support/process.h"

/* Starts a process that answers every request with the same bytes: a head, and a body of
 * body_bytes. End it with process_kill. */
pid_t sender_start(size_t body_bytes, uint16_t *port);

#endif
