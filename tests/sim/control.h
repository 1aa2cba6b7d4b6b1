/* control.h: changes of a stream that may run beside puts and reads, and may be cut short by a kill: what is asked, and what must have
 * become of it. Thread: the run's. */
#ifndef SLUICE_TESTS_SIM_CONTROL_H
#define SLUICE_TESTS_SIM_CONTROL_H

#include "sim/sim.h"

enum control_kind {
    CONTROL_SPLIT,
    CONTROL_MERGE,
    CONTROL_RECOUNT,
    CONTROL_RETENTION,
    CONTROL_ENCRYPTION,
    CONTROL_DELETE,
    CONTROL_KINDS,
};

struct control {
    enum control_kind kind;
    struct model_stream *stream;
    uint32_t shard, other, before; /* before: shards there were, open or not */
    u128 at;
    uint32_t count, open_before; /* recount */
    uint32_t hours;
    bool on;
};

/* Draws one that this stream can have; false: not now. */
bool control_draw(struct sim *m, struct model_stream *s, enum control_kind kind, struct control *c);
struct flight control_flight(const struct control *c);
/* It was answered: makes the model so, once the stream is at rest, and checks what became of the shards. Not for a stream deleted. */
void control_done(struct sim *m, const struct control *c, const struct flight *f);
/* The service was killed meanwhile and runs again: it was done as a whole, or not at all. */
void control_resolve(struct sim *m, const struct control *c, const struct flight *f);
/* Makes a stream that is not there. */
void control_create(struct sim *m, struct model_stream *s);
/* Registers the stream's consumer. */
void control_register(struct sim *m, struct model_stream *s);

#endif
