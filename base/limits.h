/* limits.h: every bound in the program, with its reason. */
#ifndef SLUICE_BASE_LIMITS_H
#define SLUICE_BASE_LIMITS_H

#define KIB(n) ((n)*1024ull)
#define MIB(n) ((n)*1024ull * 1024ull)

/* A PutRecords of 10 MiB is 13.4 MiB of base64, with 500 keys of 256 characters (each up to 4
 * bytes, or 12 when escaped) and JSON around. */
#define REQUEST_BODY_BYTES_MAX MIB(16)
/* libmicrohttpd's pool for one connection: headers must fit. Measured: 8 to 32 KiB are equally
 * fast, 256 KiB a third. */
#define CONNECTION_POOL_BYTES KIB(16)
/* Replies that go on in one libmicrohttpd, and connections: it walks those that rest (http1_daemon.c). */
#define DAEMON_STREAMS_MAX     64
#define DAEMON_CONNECTIONS_MAX 512
/* HTTP/2, a connection: requests open or still worked on at once. */
#define HTTP2_REQUESTS_MAX 256
/* What a client may send unasked, a request and a connection: enough for 100 MB/s at 10 ms. Memory is not bounded by this but by the budget of
 * bodies: what arrives is charged or thrown away at once. */
#define HTTP2_WINDOW_BYTES            MIB(1)
#define HTTP2_CONNECTION_WINDOW_BYTES MIB(8)
/* What one exchange may take for decoding and answering: 10 MiB of records decoded, and as base64
 * again. */
#define EXCHANGE_ARENA_BYTES_MAX MIB(48)
/* GetRecords: 10 MiB of data an answer (AWS), 10,000 records. */
#define READ_BYTES_MAX   MIB(10)
#define READ_RECORDS_MAX 10000
#define REPLY_BYTES_MAX  MIB(32)
/* Of application/vnd.amazon.eventstream: what AWS's own libraries take. An event of 10 MiB of
 * records in base64 fits. */
#define EVENT_STREAM_FRAME_BYTES_MAX  MIB(24)
#define EVENT_STREAM_HEADER_BYTES_MAX KIB(128)
/* One SubscribeToShardEvent: data and keys (a larger record comes alone), records, and what they take while it is made. */
#define EVENT_BYTES_MAX       MIB(1)
#define EVENT_RECORDS_MAX     10000
#define EVENT_ARENA_BYTES_MAX MIB(24)
/* All events in memory, of all subscriptions, shared or not. */
#define PUSH_EVENT_BYTES_MAX MIB(256)
/* Each takes half a KiB, and its connection. */
#define SUBSCRIPTIONS_MAX 100000
/* PutRecords, by AWS: 500 records; data and keys of one request together. */
#define PUT_RECORDS_MAX         500
#define PUT_BYTES_MAX           MIB(10)
#define PARTITION_KEY_CHARS_MAX 256
#define PARTITION_KEY_BYTES_MAX (4 * PARTITION_KEY_CHARS_MAX)
/* AWS lets a stream have up to 20,000 shards in the large regions; one more digit would not fit our
 * tests' patience. */
#define STREAM_SHARDS_MAX     20000
#define STREAM_NAME_BYTES_MAX 128
#define STREAMS_MAX           100000
#define STREAM_TAGS_MAX       50
/* AWS: registered consumers of a stream; of an ON_DEMAND one whose account has a billing commitment; how many of them may be in
 * CREATING. */
#define CONSUMERS_MAX           20
#define CONSUMERS_COMMITTED_MAX 50
#define CONSUMERS_CREATING_MAX  5
#define CONSUMER_NAME_BYTES_MAX 128
#define ACCOUNTS_MAX            10000
#define ITERATOR_LIFE_MS        300000
#define TOKEN_LIFE_MS           300000
#define RETENTION_HOURS_MIN     24
#define RETENTION_HOURS_MAX     8760
#define RECORD_KIB_MIN          1024
#define RECORD_KIB_DEFAULT      1024
#define RECORD_KIB_MAX          10240
/* A resource policy: AWS's size; and what keeps asking it within microseconds. */
#define POLICY_BYTES_MAX      KIB(20)
#define POLICY_STATEMENTS_MAX 100
#define POLICY_ITEMS_MAX      1000
/* AWS: UpdateShardCount ten times and UpdateStreamMode twice in a rolling day, to at most 10,000 shards; an on-demand stream begins
 * with four shards, and may be warmed for up to 10 GiB/s. */
#define RECOUNTS_MAX         10
#define MODE_SWITCHES_MAX    2
#define RESHAPE_PERIOD_MS    (24 * 3600 * 1000ull)
#define RECOUNT_SHARDS_MAX   10000
#define ON_DEMAND_SHARDS_MIN 4
#define WARM_MIBPS_MAX       10240
/* What one shard takes (AWS): an on-demand stream is scaled by it. */
#define SHARD_WRITE_BYTES_PER_S   MIB(1)
#define SHARD_WRITE_RECORDS_PER_S 1000
/* Encryption: changes of each kind that a stream may have in 24 hours (AWS); data keys that it keeps: one a day for a year, and
 * as many again and more in haste; lines of the master key file. */
#define ENCRYPTION_CHANGES_MAX 25
#define STREAM_DATA_KEYS_MAX   1000
#define MASTER_KEYS_MAX        256
/* Delivery streams: AWS's count of an account and region. What one's configuration takes, as text and decoded: 50 tags, some forty
 * parameters of processors of up to 5 KiB, 50 attributes of an HTTP endpoint. */
#define DELIVERIES_MAX          5000
#define DELIVERY_VIEW_BYTES_MAX MIB(2)
/* HTTP to the outside, a delivery thread: calls that have a connection at once. Each takes 32 KiB, with TLS 100, and a descriptor. */
#define WEB_CONNECTIONS_MAX 256
/* A settings file: some forty short lines. */
#define SETTINGS_FILE_BYTES_MAX MIB(1)
/* Rules of fault injection, as text, and how many. All are looked at for each request. */
#define INJECT_BYTES_MAX      KIB(256)
#define INJECT_RULES_MAX      256
#define INJECT_LATENCY_MS_MAX 60000
/* Consumer groups, ours: of a stream, and members of one. A group keeps some 400 bytes for each shard, and as much for each member. */
#define GROUPS_MAX        100
#define GROUP_MEMBERS_MAX 1000
/* Clock skew that a signature may have (AWS). */
#define SIGNATURE_SKEW_MS (15 * 60 * 1000ull)

#endif
