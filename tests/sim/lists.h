/* lists.h: what lists show, against the model: shards by each filter, streams. Thread: the run's. */
#ifndef SLUICE_TESTS_SIM_LISTS_H
#define SLUICE_TESTS_SIM_LISTS_H

#include "sim/sim.h"

void lists_check_shards(struct sim *m, struct model_stream *s);
void lists_check_streams(struct sim *m);
/* Requests that must be refused. */
void lists_check_refusals(struct sim *m, struct model_stream *s);

#endif
