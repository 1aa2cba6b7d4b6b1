/* sink.h: a process that takes all that it is sent, and throws it away. Thread: main. */
#ifndef SLUICE_BENCH_SUPPORT_SINK_H
#define SLUICE_BENCH_SUPPORT_SINK_H

/* Starts it, and gives a connection to it over 127.0.0.1; it ends when that is closed. */
int sink_open(void);

#endif
