/* stream_view.h: an immutable picture of one stream: its settings, its shards, and which shard owns
 * which hash key.
 *
 * The catalog's thread builds a new view for each change and publishes it (stream.h); readers hold
 * references, and never wait. Shards are shared between views: a change copies pointers, not
 * shards. */
#ifndef SLUICE_SHARDS_STREAM_VIEW_H
#define SLUICE_SHARDS_STREAM_VIEW_H

#include "base/limits.h"
#include "base/u128.h"
#include "shards/consumer.h"
#include "shards/log.h"
#include "shards/policy.h"
#include "shards/scope.h"
#include "shards/sequence.h"
#include "shards/shard_rate.h"
#include "shards/stream_encryption.h"
#include "shards/stream_reshape.h"

enum shard_state { SHARD_PENDING, SHARD_OPEN, SHARD_CLOSED };
enum stream_status { STREAM_CREATING, STREAM_ACTIVE, STREAM_UPDATING, STREAM_DELETING };
enum stream_mode { STREAM_PROVISIONED, STREAM_ON_DEMAND };

enum { SHARD_NONE = -1, SHARD_ID_BYTES = 32 };

/* One shard as it is in some view. Immutable; counted. */
struct shard {
    _Atomic uint32_t refs;
    uint32_t index; /* in the stream; never used again */
    enum shard_state state;
    u128 start, end;          /* hash keys, both inclusive */
    int64_t parent, adjacent; /* indexes, or SHARD_NONE */
    uint64_t created_s;
    uint64_t closed_ms; /* of a CLOSED shard: when */
    struct log *log;    /* one use of it */
    struct shard_rate
        *rate; /* what went through it: shared with the shard as it was in other views */
};

struct stream_tag {
    char *key, *value;
};

/* A copy of the tags and all their texts (NULL for none); and its end. */
struct stream_tag *stream_tags_copy(const struct stream_tag *tags, uint32_t count);
void stream_tags_free(struct stream_tag *tags, uint32_t count);

/* What a stream is, beside its shards. Plain values; tags are owned by the view, the policy,
 * the consumers and the encryption are referenced by it. */
struct stream_settings {
    uint64_t number; /* never used again */
    struct scope scope;
    char name[STREAM_NAME_BYTES_MAX + 1];
    enum stream_mode mode;
    enum stream_status status;
    uint64_t created_ms;
    uint32_t retention_hours;
    uint32_t record_kib_max; /* MaxRecordSizeInKiB */
    bool record_kib_given;
    bool warm_given;
    uint32_t warm_mibps;
    uint32_t next_shard; /* index of the next shard made */
    struct stream_reshape reshape;
    struct shard_rate *
        rate; /* what went through all its shards; the view's reference, shared by all views. NULL: to be made */
    uint32_t tag_count;
    struct stream_tag *tags;              /* by key, each once (tags.h) */
    struct policy *policy;                /* counted; NULL: none */
    struct consumer_set *consumers;       /* counted; NULL: none */
    struct stream_encryption *encryption; /* counted; NULL: never encrypted */
};

/* stream_encryption_key of this stream. */
enum status stream_settings_data_key(const struct stream_settings *s, struct master_keys *keys,
                                     uint32_t epoch, uint8_t key[AEAD_KEY_BYTES],
                                     struct fault *f) MUST_USE;
/* Views of the settings. */
struct encryption_owner stream_settings_owner(const struct stream_settings *s);

struct stream_view {
    _Atomic uint32_t refs;
    uint64_t version; /* grows with each view of this stream */
    struct stream_settings settings;
    uint32_t shard_count, open_count;
    struct shard **shards; /* by index, ascending; without those that the reaper removed */
    u128 *open_starts;     /* of the open shards (and of closing ones, until their children open),
                              ascending */
    struct shard **open;   /* beside them */
};

struct shard *shard_new(
    const struct shard *
        values); /* copies; takes over values->log, shares values->rate (NULL: a new one); one reference */
/* A shard's values, to be changed and made anew: all but its references, which others may be counting just now. */
struct shard shard_values(const struct shard *s);
struct shard *shard_ref(struct shard *s);
void shard_unref(struct shard *s);
/* "shardId-000000000000" */
void shard_id_print(uint32_t index, char out[SHARD_ID_BYTES]);
/* AWS takes the text after the first '-' (or all of it) if it is only digits and at most
 * 2147483647. */
bool shard_id_parse(struct bytes id, uint32_t *index);
/* The number before the first record; of the record at `offset`; after the last of a closed shard;
 * and, at some time, of a reader whose next record is `next`. Lengths; NUL-terminated. */
size_t shard_sequence_first(const struct shard *s, char out[SEQUENCE_TEXT_BYTES]);
size_t shard_sequence_at(const struct shard *s, uint64_t offset, uint64_t time_ms,
                         char out[SEQUENCE_TEXT_BYTES]);
size_t shard_sequence_last(const struct shard *s, char out[SEQUENCE_TEXT_BYTES]);
size_t shard_sequence_behind(const struct shard *s, uint64_t next, uint64_t now_ms,
                             char out[SEQUENCE_TEXT_BYTES]);

/* A view with these settings (tags are copied) and shards (each given up to the view). One
 * reference. */
struct stream_view *stream_view_new(const struct stream_settings *settings, struct shard **shards,
                                    uint32_t count, uint64_t version);
struct stream_view *stream_view_ref(struct stream_view *v);
void stream_view_unref(struct stream_view *v);
/* The place in `open` of the shard that owns a hash key; the stream must have shards that are open. */
uint32_t stream_view_place(const struct stream_view *v, u128 hash);
/* The shard that owns a hash key; never NULL while the stream has shards that are open. */
struct shard *stream_view_route(const struct stream_view *v, u128 hash);
struct shard *stream_view_shard(const struct stream_view *v, uint32_t index);
/* How many of its shards count against a limit: those that are open, and those more that a reshard under way will open. */
uint32_t stream_view_claimed(const struct stream_view *v);

#endif
