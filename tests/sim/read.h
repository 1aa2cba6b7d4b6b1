/* read.h: GetShardIterator and GetRecords against the model. Thread: the run's. */
#ifndef SLUICE_TESTS_SIM_READ_H
#define SLUICE_TESTS_SIM_READ_H

#include "sim/page.h"

/* A new reader, at one of the five kinds of position. */
void read_begin(struct sim *m, struct model_stream *s);
/* One of the readers, whose token is still good; NULL: none. */
struct reader *read_choose(struct sim *m);
json_t *read_ask(struct sim *m, const struct reader *r);
/* What it was answered. */
void read_take(struct sim *m, struct reader *r, const struct flight *f, bool racing);
/* One page for some reader, also for those who come too late. */
void read_on(struct sim *m);
/* All of a stream from its oldest record on, parents before children. `adopting`: after a kill (page_adopt). */
void read_all(struct sim *m, struct model_stream *s, bool adopting);

#endif
