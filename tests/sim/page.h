/* page.h: the records of an answer or an event, against the model. Thread: the run's. */
#ifndef SLUICE_TESTS_SIM_PAGE_H
#define SLUICE_TESTS_SIM_PAGE_H

#include "sim/sim.h"

struct page {
    struct model_stream *stream;
    uint32_t shard;
    char *after;         /* MODEL_NUMBER_BYTES: the reader has all up to it; moved on */
    uint64_t now_ms;     /* when it was asked for */
    uint64_t horizon_ms; /* nothing older may be in it */
    uint64_t floor_ms;   /* nothing younger may be missing */
};
/* With the horizon that the stream had then. */
struct page page_of(struct model_stream *s, uint32_t shard, char *after, uint64_t now_ms);
/* All are records of the model, each as it was put, and they follow on `after` without a gap. How many. */
uint32_t page_check(struct sim *m, struct page *p, const json_t *records);
/* Whether a record that must be served follows `after`, from before this step or (`newest`) at all. */
bool page_owes(struct sim *m, const struct page *p, bool newest);
/* The rest of a GetRecords answer, after page_check. `racing`: puts and reshards were under way beside it. */
void page_check_end(struct sim *m, const struct page *p, const json_t *answer, uint32_t count,
                    bool racing);
/* Children as ChildShards shows them. */
void page_check_children(struct sim *m, const struct model_stream *s, uint32_t shard,
                         const json_t *children);

/* After a kill: records that are there and were never acknowledged are taken into the model, if they were under way. */
void page_adopt(struct sim *m, const struct page *p, const json_t *records);

#endif
