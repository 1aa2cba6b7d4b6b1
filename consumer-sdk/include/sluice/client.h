/* sluice/client.h: calls of Kinesis Data Streams, Data Firehose and Sluice's own operations, signed, retried, over kept connections.
 *
 * Every operation has a typed function in <sluice/kinesis.h>, <sluice/firehose.h> and <sluice/service.h>, which are made from the
 * services' models; they all come down to sluice_call (which waits) and sluice_start (which does not).
 *
 * C1. No thread is made, no signal handler, nothing global: all of a client's work happens inside the calls below, on the thread that
 *     makes them. One thread at a time may be in a client; different clients know nothing of each other. Only sluice_client_wake is
 *     for any thread. (libcurl resolves names on a thread of its own.)
 * C2. No function aborts for want of memory: it answers SLUICE_NO_MEMORY and leaves everything as it was.
 * C3. A call ends exactly once: with an answer, an error, or SLUICE_CANCELLED. Its completion is called from sluice_client_turn (or
 *     from a waiting call, which turns the client too), never from sluice_start.
 * C4. Retries: errors that AWS's SDKs retry (throttles, 5xx, transport), with full-jitter exponential back-off (AWS Architecture Blog,
 *     "Exponential Backoff And Jitter"), at most attempts_max times, and from a budget of tokens shared by the client (AWS SDKs'
 *     "standard" mode: 500 tokens, 5 a retry, 10 after a timeout, given back by successes), so that a service in trouble gets fewer calls.
 * C5. No secret is in an error, and none is written anywhere. */
#ifndef SLUICE_CLIENT_H
#define SLUICE_CLIENT_H

#include <sluice/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sluice_client sluice_client;
typedef struct sluice_call_handle sluice_call_handle;
typedef struct sluice_reply sluice_reply;

/* CBOR: where the operation's service has it (Kinesis). */
enum sluice_codec { SLUICE_JSON, SLUICE_CBOR };
/* 2: by ALPN over TLS (HTTP/1.1 where the service does not have it); with prior knowledge over plain HTTP, for which libcurl must
 * be of version 8 or later: with older ones plain HTTP stays HTTP/1.1. */
enum sluice_http { SLUICE_HTTP_1_1, SLUICE_HTTP_2 };

/* All texts are copied by sluice_client_new. Zero and NULL mean the default that is named. */
struct sluice_client_options {
    size_t size; /* of the caller's struct: by sluice_client_options_init */
    /* Where: an address like "https://localhost:4567", or NULL: AWS_ENDPOINT_URL_KINESIS / _FIREHOSE, AWS_ENDPOINT_URL, the profile's
     * endpoint_url, else AWS's own for the region (https://kinesis.<region>.amazonaws.com, .com.cn for cn-*). */
    const char *endpoint;
    const char *region;  /* NULL: AWS_REGION, AWS_DEFAULT_REGION, the profile's, else us-east-1 */
    const char *profile; /* NULL: AWS_PROFILE, else "default" */
    /* NULL: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, then ~/.aws/credentials and ~/.aws/config (or
     * AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE), read again when the service says that they have expired. */
    const char *access_key_id, *secret_access_key, *session_token;
    /* More CAs to trust than the system's. NULL: AWS_CA_BUNDLE, the profile's ca_bundle. */
    const char *ca_file;
    enum sluice_http http;
    enum sluice_codec codec;
    /* 64; with HTTP/2 at most 4, which 100 calls share; calls beyond wait in order. Subscriptions have connections of their own besides. */
    unsigned connections_max;
    unsigned connect_timeout_ms; /* 3,000 */
    unsigned attempt_timeout_ms; /* of one attempt: 30,000 */
    unsigned timeout_ms;         /* of the whole call, its retries included: 120,000 */
    unsigned attempts_max;       /* 3; 1: no retries */
    unsigned backoff_ms;         /* the first wait is at random up to this, doubled each time: 50 */
    unsigned backoff_max_ms;     /* 20,000 */
    unsigned retry_tokens;       /* 500 */
};
/* Every default, and the size: what is not set afterwards is as said above. */
SLUICE_API void sluice_client_options_init(struct sluice_client_options *options);

/* options may be NULL. Credentials are looked for at the first call, not here.
 * SLUICE_INVALID_ARGUMENT (words in *error), SLUICE_NO_MEMORY, SLUICE_IO. */
SLUICE_API enum sluice_status sluice_client_new(const struct sluice_client_options *options,
                                                sluice_client **client,
                                                struct sluice_error *error) SLUICE_MUST_USE;
/* Calls under way end with SLUICE_CANCELLED first. NULL is fine. Not from within a completion. */
SLUICE_API void sluice_client_free(sluice_client *client);

/* --- Driving it --- */

/* Lets calls proceed: waits up to wait_ms (0: not at all; -1: until something happens) and runs the completions that are due.
 * SLUICE_OK; SLUICE_IO, SLUICE_NO_MEMORY. */
SLUICE_API enum sluice_status sluice_client_turn(sluice_client *client, int wait_ms);
/* For a loop of the caller's own: readable when sluice_client_turn(client, 0) has something to do ... */
SLUICE_API int sluice_client_fd(const sluice_client *client);
/* ... and it wants a turn in so many milliseconds even when the descriptor stays quiet (-1: never). */
SLUICE_API int sluice_client_timeout(const sluice_client *client);
/* Ends a sluice_client_turn that waits. Thread: any; also signal handlers. */
SLUICE_API void sluice_client_wake(sluice_client *client);
/* Calls that have not ended; subscriptions are none. */
SLUICE_API unsigned sluice_client_calls(const sluice_client *client);

/* --- Calling --- */

/* An operation of a model: sluice_kinesis_put_record_operation and so on, from the generated headers. */
struct sluice_operation;

/* What a single call may want otherwise than the client. NULL, or zero in a member: as the client. */
struct sluice_call_options {
    size_t size;
    unsigned timeout_ms, attempt_timeout_ms, attempts_max;
    /* More headers, signed too: "Name: value" each. At most 8. They may go when sluice_start returns. */
    const char *const *headers;
    unsigned header_count;
};

/* The call has ended; error->status says how. SLUICE_OK: output is the operation's output struct (NULL when it has none), in the reply's memory. Otherwise
 * error says why, and reply is NULL. The reply is the callee's to free, now or later, on any thread (it may outlive the client).
 * The call's handle is no longer valid. */
typedef void sluice_completion(void *context, const void *output, sluice_reply *reply,
                               const struct sluice_error *error);

/* Encodes, signs and sends. `input` is the operation's input struct of input_size bytes; it and what it points to may go when this
 * returns. SLUICE_OK: `done` will be called. Otherwise it will not: SLUICE_INVALID_ARGUMENT (a bound of the model is broken: the
 * words are AWS's own), SLUICE_NO_MEMORY, SLUICE_CREDENTIALS. `handle` may be NULL. */
SLUICE_API enum sluice_status
sluice_start(sluice_client *client, const struct sluice_operation *operation, const void *input,
             size_t input_size, const struct sluice_call_options *options, sluice_completion *done,
             void *context, sluice_call_handle **handle,
             struct sluice_error *error) SLUICE_MUST_USE;
/* Ends it; `done` comes with SLUICE_CANCELLED from a later turn, until when the handle stays valid. The service may have done the work all the same. */
SLUICE_API void sluice_call_cancel(sluice_call_handle *handle);

/* The same, and waits; other calls of the client proceed meanwhile. On SLUICE_OK *reply is the caller's to free; `reply` may be
 * NULL.
 * Not from within a completion (SLUICE_STATE). */
SLUICE_API enum sluice_status
sluice_call(sluice_client *client, const struct sluice_operation *operation, const void *input,
            size_t input_size, const struct sluice_call_options *options, sluice_reply **reply,
            struct sluice_error *error) SLUICE_MUST_USE;

/* The operation's output struct, or NULL when it has none. Lives as long as the reply. */
SLUICE_API const void *sluice_reply_output(const sluice_reply *reply);
SLUICE_API const char *sluice_reply_request_id(const sluice_reply *reply);
SLUICE_API void sluice_reply_free(sluice_reply *reply); /* NULL is fine */

/* --- The same by JSON: for tools, and for languages that have no structs of ours --- */

/* sluice_call with its input as the service's own JSON: {"StreamName": "first"}; times as seconds, blobs as base64. Members that the
 * operation does not know are passed over. The text may go when this returns. Besides: SLUICE_INVALID_ARGUMENT when it is no such JSON. */
SLUICE_API enum sluice_status
sluice_call_json(sluice_client *client, const struct sluice_operation *operation, const char *input,
                 size_t input_len, const struct sluice_call_options *options, sluice_reply **reply,
                 struct sluice_error *error) SLUICE_MUST_USE;
/* The output of a call of that operation as such JSON, NUL-terminated, in the reply's memory; "{}" when it has none; NULL: no memory.
 * `len` may be NULL. */
SLUICE_API const char *sluice_reply_json(const struct sluice_operation *operation,
                                         sluice_reply *reply, size_t *len);

/* --- SubscribeToShard: an answer that goes on --- */

struct sluice_kinesis_subscribe_to_shard_input;
struct sluice_kinesis_subscribe_to_shard_event;
typedef struct sluice_subscription sluice_subscription;

struct sluice_subscription_events {
    /* Records, or only a continuation sequence number and how far behind it is. The event and all it points to live until this
     * returns. */
    void (*event)(void *context, const struct sluice_kinesis_subscribe_to_shard_event *event);
    /* Once, last. SLUICE_END: the five minutes are over, or (ChildShards in the last event) the shard is; otherwise why. The
     * subscription is no longer valid. Nothing is resumed by itself: the caller knows its continuation sequence number. */
    void (*end)(void *context, const struct sluice_error *error);
};
/* One attempt, no retries: whoever subscribes knows from where to go on. It has a connection for itself. While it is paused no more is read than a window (HTTP/2) or
 * a socket buffer (HTTP/1.1) holds: the service keeps the rest. */
SLUICE_API enum sluice_status
sluice_subscribe(sluice_client *client, const struct sluice_kinesis_subscribe_to_shard_input *input,
                 size_t input_size, const struct sluice_subscription_events *events, void *context,
                 sluice_subscription **subscription, struct sluice_error *error) SLUICE_MUST_USE;
SLUICE_API void sluice_subscription_pause(sluice_subscription *subscription, bool paused);
/* `end` comes with SLUICE_CANCELLED from a later turn. */
SLUICE_API void sluice_subscription_cancel(sluice_subscription *subscription);

#ifdef __cplusplus
}
#endif
#endif
