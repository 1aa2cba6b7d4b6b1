/* segment_index_internal.h: which segment holds which offsets of which log: one LevelDB, one synced batch a change. */
#ifndef SLUICE_SHARDS_SEGMENT_INDEX_INTERNAL_H
#define SLUICE_SHARDS_SEGMENT_INDEX_INTERNAL_H

#include "shards/log.h"

/* A row of consecutive offsets of one log in one segment. */
struct range {
    struct log_place place;
    uint64_t segment;
    uint64_t first, last; /* offsets, both held */
    uint64_t first_ms, last_ms;
    uint64_t bytes; /* of stored values */
    bool seals;     /* the log ends behind it */
};

enum segment_state { SEGMENT_SEALED = 1, SEGMENT_DROPPING = 2 };

struct segment_row {
    uint64_t segment;
    enum segment_state state;
    uint64_t disk_bytes, last_ms;
};

/* What is left of a log whose oldest ranges went: it begins here, and if it has no range at all this is also its end. */
struct log_floor {
    struct log_place place;
    uint64_t begin, last_ms;
    bool seals;
};

/* Why a log is refused: damage found at `from` in a segment. */
struct log_damage {
    struct log_place place;
    uint64_t from, segment;
};

struct segment_index;

/* Makes it if there is none. A torn last write is cut off first; other damage is CORRUPT. */
enum status index_open(const char *folder, struct segment_index **out, struct fault *f) MUST_USE;
void index_close(struct segment_index *ix);

/* NOT_FOUND when the log has none such. Thread: any. */
enum status index_range_at(struct segment_index *ix, struct log_place place, uint64_t offset,
                           struct range *out, struct fault *f) MUST_USE; /* the last range that begins at or below offset */
enum status index_floor(struct segment_index *ix, struct log_place place, struct log_floor *out,
                        struct fault *f) MUST_USE;
enum status index_damage(struct segment_index *ix, struct log_place place, struct log_damage *out,
                         struct fault *f) MUST_USE;

/* Walks. `visit` returns false to stop; it may not call back into the index. */
enum status index_each_segment(struct segment_index *ix, uint64_t from,
                               bool (*visit)(void *, const struct segment_row *), void *arg,
                               struct fault *f) MUST_USE;
enum status index_each_range(struct segment_index *ix, uint64_t segment,
                             bool (*visit)(void *, const struct range *), void *arg,
                             struct fault *f) MUST_USE;
enum status index_each_floor(struct segment_index *ix, struct log_place from,
                             bool (*visit)(void *, const struct log_floor *), void *arg,
                             struct fault *f) MUST_USE;

/* Changes are gathered in one of these and become durable all at once. Nothing is kept when it fails. */
struct index_change;
struct index_change *index_change_new(void); /* dies when there is no memory */
void index_change_free(struct index_change *c);
void index_put_range(struct index_change *c, const struct range *r);
void index_remove_range(struct index_change *c, const struct range *r);
void index_put_segment(struct index_change *c, const struct segment_row *row);
void index_remove_segment(struct index_change *c, uint64_t segment);
void index_put_floor(struct index_change *c, const struct log_floor *floor);
void index_remove_floor(struct index_change *c, struct log_place place);
void index_put_damage(struct index_change *c, const struct log_damage *damage);
void index_remove_damage(struct index_change *c, struct log_place place);
/* After a failure the index is reopened by itself at the next apply. Thread: one at a time. */
enum status index_apply(struct segment_index *ix, struct index_change *c, struct fault *f) MUST_USE;

#endif
