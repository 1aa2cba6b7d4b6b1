/* post.h: parcels on their way to a far side that takes records by HTTP: attempts, waits between them, the end. What is sent and what an answer
 * means is each destination's own (struct post_ops); HTTP endpoints, Splunk and OpenSearch are three of them.
 *
 *   send -> next turn -> prepare -> web_start -> judge -> AGREED, REFUSED, GONE -> done
 *                           ^                      |
 *                           |<-- wait (retry.h) -- FAILED ---- no time left -> REFUSED
 *                           `<-- more_ms --------- MORE
 *
 * P1. Each attempt is prepared from the newest view of the delivery stream, as long as that is of the same kind: an update of a URL or key
 *     helps a parcel that is being retried.
 * P2. Between attempts a post holds neither a connection nor the request's body.
 * Thread: the lane's loop. */
#ifndef SLUICE_DELIVERY_POST_H
#define SLUICE_DELIVERY_POST_H

#include "base/arena.h"
#include "base/random.h"
#include "delivery/destination.h"
#include "delivery/engine.h"
#include "delivery/retry.h"

enum post_verdict {
    POST_AGREED,  /* to all of it */
    POST_FAILED,  /* to be tried again, while there is time; code and fault are set */
    POST_REFUSED, /* for good; code and fault, or parcel->refusals, are set */
    POST_GONE,    /* for good, and not kept; code and fault are set */
    POST_MORE     /* not known yet: another call after more_ms, which is no attempt */
};

struct post;
struct post_ops {
    enum delivery_kind kind;
    uint64_t (*retry_s)(const struct delivery_view *v);
    /* Fills p->call: URL, headers, body; strings in p->arena, a large body in p->body. */
    enum status (*prepare)(struct post *p, struct fault *f);
    /* What p->call's outcome means; a failed `prepare` comes here too, as the call's status. */
    enum post_verdict (*judge)(struct post *p);
    size_t side_bytes; /* of what begins with a post_side, zeroed at open */
    size_t own_bytes;  /* of a post's own state, zeroed at send; 0: none */
    /* Or NULL. When there is no time left for another attempt: may set parcel->refusals. */
    void (*give_up)(struct post *p);
    /* Or NULL. Frees what that state holds; after parcel->done, which may look at it (refusals). */
    void (*end)(struct post *p);
};

struct post_side;
struct post {
    /* for the destination */
    struct parcel *parcel;
    struct post_side *side;
    const struct delivery_view *view; /* P1; of this attempt */
    struct web_call call;
    struct arena arena; /* of this call */
    struct buf body;    /* of this call */
    bool more;          /* in prepare and judge: the call follows POST_MORE */
    uint64_t more_ms;   /* with POST_MORE */
    const char *code;
    struct fault fault;
    void *own;
    /* post.c's own */
    struct list node;
    struct loop_timer timer;
    struct retry retry;
    struct delivery_view *held;
    bool waits;         /* D4 */
    uint64_t asking_us; /* since when acknowledgement is waited for; 0: not */
};

struct post_side {
    struct destination destination; /* first */
    const struct post_ops *post_ops;
    struct destination_settings settings;
    struct list posts;
    struct random chance;
    char session[UUID_BYTES]; /* Splunk: its channel */
};

/* The three of destination_ops, for whoever has post_ops. */
enum status post_open(const struct destination_ops *ops, const struct post_ops *post_ops,
                      const struct destination_settings *s, struct destination **out,
                      struct fault *f) MUST_USE;
void post_send(struct destination *d, struct parcel *p);
void post_close(struct destination *d);

/* For `prepare`: one more header. The bytes must last as long as the call. */
void post_header(struct post *p, const char *name, struct bytes value);
/* For `judge`: sets code and fault, and answers the verdict. */
enum post_verdict post_say(struct post *p, enum post_verdict verdict, const char *code,
                           const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Whether a URL may be delivered to: https unless `plain` (a switch), and only to port 443 where AWS has it so. INVALID_ARGUMENT. Pure. Thread: any. */
enum status url_check(struct bytes url, bool plain, bool only443, struct fault *f) MUST_USE;
/* For `prepare`: OK unless a switch is needed that is off: http:// or, when only443, a port other than 443. */
enum status post_check_url(const struct post *p, struct bytes url, bool only443,
                           struct fault *f) MUST_USE;

#endif
