/* sweeper.c: tells the log engine what each stream still needs.
 *
 * W1. What a living stream's retention covers is never given up: the keeper answers with the
 * retention in force now.
 * W2. A stream that is not in the table is deleted, and all of its bytes
 * may go. (A stream is in the table before its first append.) Left to others: finding and dropping
 * the bytes (the engine), not serving what is past the horizon (the read). */
#include "retention/sweeper.h"

#include "shards/horizon.h"

enum { TURN_MS = 20 };

static uint64_t begin_ms(const struct log_keeper *k, uint64_t number)
{
    const struct sweeper *s = LIST_OWNER(k, struct sweeper, keeper);
    struct stream *stream = stream_table_find_number(s->streams, number);
    if (!stream)
        return UINT64_MAX; /* W2 */
    struct stream_view *v = stream_look(stream);
    uint64_t begin =
        horizon_begin_ms(v->settings.retention_hours, clock_wall_ms(s->clock)); /* W1 */
    stream_view_unref(v);
    stream_unref(stream);
    return begin;
}

void sweeper_init(struct sweeper *s, struct log_engine *logs, struct stream_table *streams,
                  const struct clock *clock)
{
    *s = (struct sweeper){.keeper = {begin_ms}, .logs = logs, .streams = streams, .clock = clock};
}

enum status sweeper_turn(struct sweeper *s, struct fault *f)
{
    return s->logs->ops->trim(s->logs, &s->keeper, clock_wall_ms(s->clock), TURN_MS, f);
}
