/* log_memory.h: a log engine in memory, behind the log contract: for tests of what stands above it,
 * and for faults that nothing real can produce on demand: an append that takes its time, a log that
 * refuses. */
#ifndef SLUICE_TESTS_SUPPORT_LOG_MEMORY_H
#define SLUICE_TESTS_SUPPORT_LOG_MEMORY_H

#include "shards/log.h"

struct log_engine *log_memory_new(const struct clock *clock);
/* What lies below that offset is past retention. */
void log_memory_forget(struct log *l, uint64_t before);
/* Appends are queued and complete only when log_memory_release_held is called. */
void log_memory_hold(struct log_engine *e, bool hold);
void log_memory_release_held(struct log_engine *e);
/* How many appends are held now. */
size_t log_memory_held(struct log_engine *e);
/* Every append completes with this status, until it is OK again. */
void log_memory_refuse(struct log_engine *e, enum status status);
/* Likewise every read. */
void log_memory_refuse_reads(struct log_engine *e, enum status status);
/* So many reads more are answered; those behind with THROTTLED, until this is called again. LOG_MEMORY_ALL: no end. */
#define LOG_MEMORY_ALL UINT64_MAX
void log_memory_answer_reads(struct log_engine *e, uint64_t count);

#endif
