/* disk.h: the file system under a folder: what it can do, what was written to it, when it is at
 * rest. What cannot be done ends the benchmark. Thread: main. */
#ifndef SLUICE_BENCH_SUPPORT_DISK_H
#define SLUICE_BENCH_SUPPORT_DISK_H

#include "bench/support/latency.h"

/* Appends 4 KiB to a file of the folder and calls fdatasync, again and again. */
void disk_sync_latency(const char *folder, double seconds, struct latency *out);
/* Reads every file in the folder from end to end. Gives bytes a second, and how many there were. */
double disk_read_rate(const char *folder, uint64_t *bytes);

/* Bytes that the folder's device has written since the machine started, whoever wrote them
 * (/proc/diskstats). When the device has no row there (overlayfs): all disks together. */
uint64_t disk_written(const char *folder);
/* Writes out what is dirty and returns when the device has written nothing for a while, or after
 * seconds_max. */
void disk_settle(const char *folder, double seconds_max);
/* Makes the kernel forget what it has of files: all of them where we may, else those in the
 * folder. */
void disk_forget(const char *folder);
uint64_t disk_free(const char *folder);
/* Removes a folder and all in it. */
void disk_remove(const char *folder);

#endif
