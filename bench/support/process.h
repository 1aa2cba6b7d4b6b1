/* process.h: programs under measurement: started so that they die with us, and looked at from
 * outside. What cannot be done ends the benchmark. Thread: main. */
#ifndef SLUICE_BENCH_SUPPORT_PROCESS_H
#define SLUICE_BENCH_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* fork(); the child is killed by the kernel when we end, however we end. */
pid_t process_fork(void);
/* Starts a program; `argv` ends with NULL. What it says goes to the file `output`. It sees nothing
 * of our environment that begins with SLUICE_. */
pid_t process_start(const char *const argv[], const char *output);
bool process_ended(pid_t pid);
/* SIGTERM. It must end with 0 within a minute. */
void process_stop(pid_t pid, const char *what);
/* SIGKILL. */
void process_kill(pid_t pid);

/* Processor time of all its threads, of those that ended too. */
double process_cpu_s(pid_t pid);

struct process_usage {
    uint64_t resident_bytes, anonymous_bytes, file_bytes, peak_bytes; /* /proc/PID/status */
    uint64_t written_bytes; /* write_bytes of /proc/PID/io: pages that it dirtied */
};
struct process_usage process_usage(pid_t pid);

/* A port of 127.0.0.1 that nobody listens on. */
uint16_t free_port(void);

#endif
