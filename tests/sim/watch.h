/* watch.h: SubscribeToShard against the model. Thread: the run's. */
#ifndef SLUICE_TESTS_SIM_WATCH_H
#define SLUICE_TESTS_SIM_WATCH_H

#include "sim/sim.h"

void watch_begin(struct sim *m, struct model_stream *s);
/* Takes what some subscription has: it must bring all that is owed. */
void watch_on(struct sim *m);
void watch_end(struct sim *m);

#endif
