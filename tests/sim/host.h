/* host.h: the service of a run, in a process of its own: the real store and catalog on a folder, a clock that the run sets, operations
 * over the loopback exchange. It does what frames say, and can be killed at any moment.
 *
 * Thread: host_run is all of the process's main thread, which plays the network's loop. */
#ifndef SLUICE_TESTS_SIM_HOST_H
#define SLUICE_TESTS_SIM_HOST_H

#include "shards/master_keys.h"

#include <stdbool.h>
#include <stdint.h>

enum { HOST_CALLS_MAX = 32, HOST_SLOTS = 6 };
/* On-demand streams are looked at in these times, so that a few seconds show what takes AWS days. */
enum { HOST_SCALE_WINDOW_MS = 1100, HOST_SCALE_QUIET_MS = 20000, HOST_SCALE_MEMORY_MS = 60000 };

struct host_settings {
    const char *folder;
    uint64_t now_ms;
    uint64_t segment_bytes, tail_bytes_max;
    uint64_t shard_limit;
    bool quotas;
    struct master_keys *master_keys;
};

/* Serves what comes from `fd` until FRAME_END, or until the other side has gone; ends the process. */
_Noreturn void host_run(const struct host_settings *s, int fd);

#endif
