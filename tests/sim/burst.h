/* burst.h: puts, reads and a change at once; perhaps with a kill in their midst. Thread: the run's. */
#ifndef SLUICE_TESTS_SIM_BURST_H
#define SLUICE_TESTS_SIM_BURST_H

#include "sim/sim.h"

void burst(struct sim *m);
/* The same, killed; then the service starts again, and what is there is gone through. */
void burst_killed(struct sim *m);
/* So many small records to one hash key. */
void burst_load(struct sim *m, struct model_stream *s, u128 hash, uint32_t count);
/* After a clean end or an idle kill: nothing may have changed. */
void burst_check_all(struct sim *m);

#endif
