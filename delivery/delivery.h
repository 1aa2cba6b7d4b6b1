/* delivery.h: one delivery stream: what it is (an immutable view), its state, its counters.
 *
 * Its configuration is kept as AWS's own shape: a CreateDeliveryStreamInput in which every default stands
 * (delivery_defaults.c), with exactly one destination. So describing, merging updates and running work on one thing.
 *
 * Thread: any may look; delivery-control alone makes views, which may read a file (its time zone's), and publishes. */
#ifndef SLUICE_DELIVERY_DELIVERY_H
#define SLUICE_DELIVERY_DELIVERY_H

#include "base/arena.h"
#include "base/buf.h"
#include "delivery/delivery_quota.h"
#include "shards/scope.h"
#include "wire/model/firehose.h"

struct time_zone;

enum { DELIVERY_NAME_BYTES_MAX = 64 };

enum delivery_status {
    DELIVERY_CREATING,
    DELIVERY_CREATING_FAILED,
    DELIVERY_ACTIVE,
    DELIVERY_DELETING,
    DELIVERY_DELETING_FAILED
};
/* AWS's word for it. */
const char *delivery_status_name(enum delivery_status status);
enum delivery_source { DELIVERY_DIRECT_PUT, DELIVERY_KINESIS };
enum delivery_kind { DELIVERY_TO_S3, DELIVERY_TO_HTTP, DELIVERY_TO_SPLUNK, DELIVERY_TO_OPENSEARCH };

/* Of a DirectPut one. Whether, and under which key, is in config's DeliveryStreamEncryptionConfigurationInput. */
enum delivery_encryption {
    DELIVERY_PLAIN,
    DELIVERY_ENCRYPTING,
    DELIVERY_ENCRYPTED,
    DELIVERY_DECRYPTING
};

struct delivery_view {
    _Atomic uint32_t refs;
    uint64_t number; /* never used again */
    struct scope scope;
    char name[DELIVERY_NAME_BYTES_MAX + 1];
    enum delivery_status status;
    enum delivery_source source;
    enum delivery_kind kind;
    uint64_t version; /* VersionId: grows with each change of the configuration */
    uint64_t created_ms, updated_ms;
    uint64_t start_ms; /* DELIVERY_KINESIS: records that arrived before it are not delivered */
    enum delivery_encryption encryption;
    bool
        old_name; /* DELIVERY_TO_OPENSEARCH: made as an Elasticsearch destination, and shown as one */
    struct time_zone *zone;                     /* CustomTimeZone; NULL: UTC */
    struct arena arena;                         /* of all below */
    struct bytes failure_type, failure_details; /* CREATING_FAILED: AWS's type, and a sentence */
    struct bytes
        columns; /* of data format conversion, as they were at this version (columns.h); else absent */
    /* Every default filled in; exactly one destination is there (a plain S3DestinationConfiguration has become an
     * extended one); tags and encryption wishes in it are as they are now, too. */
    const struct firehose_create_delivery_stream_input *config;
};
/* A view with these plain values and a copy of `config` (delivery_defaults.h: its defaults filled in; source and kind are told
 * by it). One reference. INVALID_ARGUMENT: not exactly one destination, or one that is not served; NO_MEMORY. */
enum status delivery_view_new(const struct delivery_view *values,
                              const struct firehose_create_delivery_stream_input *config,
                              struct delivery_view **out, struct fault *f) MUST_USE;
/* Its plain values, to be changed and made anew. */
struct delivery_view delivery_view_values(const struct delivery_view *v);
struct delivery_view *delivery_view_ref(struct delivery_view *v);
void delivery_view_unref(struct delivery_view *v);
/* The stored form, both ways. One reference. CORRUPT names what cannot be read. */
enum status delivery_view_read(uint64_t number, struct bytes stored, struct delivery_view **out,
                               struct fault *f) MUST_USE;
enum status delivery_view_write(const struct delivery_view *v, struct buf *out) MUST_USE;

/* What went through, as AWS/Firehose counts it. Any thread adds; the metrics page reads. */
struct delivery_counters {
    _Atomic uint64_t incoming_bytes, incoming_records, incoming_requests, throttled_records;
    _Atomic uint64_t read_bytes, read_records; /* DataReadFromKinesisStream */
    _Atomic uint64_t delivered_bytes, delivered_records, delivered_objects, delivery_attempts,
        delivery_successes;
    _Atomic uint64_t backup_bytes, backup_records, backup_objects;
    _Atomic uint64_t failed_records; /* to the error output */
    _Atomic uint64_t process_calls, process_successes, process_ms, dropped_records;
    _Atomic uint64_t partitions; /* active now */
    _Atomic uint64_t
        oldest_ms; /* arrival of the oldest record not yet delivered; 0: none. DataFreshness */
};

enum { DELIVERY_ERROR_BYTES = 256 };

struct delivery; /* counted: the view in force, counters, the last error */
struct delivery *delivery_new(struct delivery_view *first); /* takes over the view */
struct delivery *delivery_ref(struct delivery *d);
void delivery_unref(struct delivery *d);
/* Referenced. Thread: any. */
struct delivery_view *delivery_look(struct delivery *d);
void delivery_publish(struct delivery *d, struct delivery_view *next); /* takes over */
struct delivery_counters *delivery_counters(struct delivery *d);
struct delivery_quota *delivery_quota(struct delivery *d);
/* The last failure of a destination or a processor, in a sentence without secrets; "" when what came after it went well. */
void delivery_note_error(struct delivery *d, const char *text);
void delivery_last_error(struct delivery *d, char out[DELIVERY_ERROR_BYTES]);

/* Where a DirectPut delivery stream's records are: the scope that no client can name, and the delivery stream's own name.
 * The same account; region "." and the region. */
struct scope delivery_hidden_scope(const struct scope *s);
/* "arn:aws:firehose:REGION:ACCOUNT:deliverystream/NAME" */
enum { DELIVERY_ARN_BYTES = 224 };
void delivery_arn(const struct scope *s, const char *name, char out[DELIVERY_ARN_BYTES]);

#endif
