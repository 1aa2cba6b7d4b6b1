/* forget.h: a disk that forgets what was not synced. The calls that write and sync files are this program's own (as in tests/torture):
 * the dynamic linker finds them before libc's, so LevelDB uses them, too. They note how far each file is synced, and (undo.h) what stood in
 * blocks written over since, in memory that outlives a kill of the process that writes.
 *
 * What it does not forget: names. A file made, renamed or removed stays so without a sync of its folder, which ext4 and xfs also grant
 * once the file itself is synced. Thread: any, where not said. */
#ifndef SLUICE_TESTS_SIM_FORGET_H
#define SLUICE_TESTS_SIM_FORGET_H

#include "base/random.h"

/* Before the first fork. */
void forget_init(void);
/* From here on, in this process and those it forks, files under this folder are watched, and all they hold now counts as synced. */
void forget_watch(const char *folder);

enum forget_manner {
    FORGET_NOTHING, /* a killed process: the kernel keeps what was written */
    FORGET_ALL,     /* what was not synced is gone */
    FORGET_TAILS,   /* of each file some of it is there */
    FORGET_PAGES, /* all lengths are there, but not all pages, and of those written over some sectors */
    FORGET_MANNERS,
};

struct forgotten {
    unsigned files;  /* that lost something */
    unsigned blocks; /* written over, that hold again what they held before, or some of it */
};
/* The process that writes is killed in the so-manieth sync from now on: before what it covers counts as synced. 0: in none. */
void forget_fall_in(uint32_t syncs);
/* After the process that wrote was killed: the files as a machine's failure leaves them. */
struct forgotten forget_unsynced(enum forget_manner manner, struct random *chance);

#endif
