/* undo.h: what stood in blocks that were written over, for as long as the file is not synced since. In memory that outlives a kill of the
 * process that writes: it is kept before the write begins, so a kill between the two loses nothing.
 *
 * A file is written and synced by one thread at a time. Thread: any, where not said. */
#ifndef SLUICE_TESTS_SIM_UNDO_H
#define SLUICE_TESTS_SIM_UNDO_H

#include "sim/forget.h"

#include <stddef.h>
#include <sys/types.h>

/* Before the first fork. */
void undo_init(void);
/* Nothing is kept. No other process writes meanwhile. */
void undo_clear(void);
/* Before so many bytes are written there: what the first `synced` bytes of the file hold in those blocks now. Of a block that is kept already, what is kept stays. */
void undo_keep(uint64_t inode, int fd, off_t at, size_t len, off_t synced);
/* A moment, for undo_drop. */
uint64_t undo_moment(void);
/* What was kept before that moment is not needed any more: a sync that began then has ended. */
void undo_drop(uint64_t inode, uint64_t moment);
/* Nor what stood behind the first `len` bytes: the file ends there now. */
void undo_cut(uint64_t inode, off_t len);
/* After the kill: puts back what the manner says. All, those behind a point, or by chance whole blocks and sectors. How many blocks. */
unsigned undo_apply(uint64_t inode, const char *path, enum forget_manner manner,
                    struct random *chance);

#endif
