/* destination_splunk.c: Splunk by its HTTP Event Collector, with indexer acknowledgment.
 *
 * The data of a parcel goes as it is, records end to end, to /services/collector/raw (lines are events) or /services/collector/event (JSON
 * objects are), on the lane's own channel. A 200 says only that it was received, and gives an id; it has arrived when /services/collector/ack says
 * so of that id. That is asked for until HECAcknowledgmentTimeoutInSeconds is over; then all is sent again, so Splunk may hold it twice, as with AWS.
 * The retry clock stands still while acknowledgement is waited for (retry.h).
 *
 * What Splunk refuses as data, and a token without acknowledgment (each attempt would be indexed once more), is refused for good.
 *
 * Left to others: when to try again (post.c), what answers mean (hec.c). Thread: the lane's loop. */
#include "delivery/hec.h"
#include "delivery/post.h"

enum { ASK_FIRST_MS = 1000, ASK_MOST_MS = 10000, ACK_S_DEFAULT = 180 };

/* A post's own. */
struct hec_post {
    uint64_t ack_id;
    uint64_t asking_us; /* since when */
};

static const struct firehose_splunk_destination_configuration *
config_of(const struct delivery_view *v)
{
    return v->config->splunk_destination_configuration;
}

static uint64_t retry_s(const struct delivery_view *v)
{
    const struct firehose_splunk_retry_options *o = config_of(v)->retry_options;
    return o != NULL && o->duration_in_seconds.present ? (uint64_t)o->duration_in_seconds.value
                                                       : 3600;
}

/* ---- requests */

static enum status set_url(struct post *p, const char *path, struct fault *f)
{
    struct bytes base = config_of(p->view)->hec_endpoint;
    while (base.len > 0 && base.at[base.len - 1] == '/')
        base.len--;
    struct bytes url = arena_printf(&p->arena, "%.*s%s", BYTES_ARGS(base), path);
    struct bytes token =
        arena_printf(&p->arena, "Splunk %.*s", BYTES_ARGS(config_of(p->view)->hec_token));
    if (!bytes_present(url) || !bytes_present(token))
        return fault_set(f, NO_MEMORY, "no memory for a request");
    p->call.url = (const char *)url.at;
    post_header(p, "Authorization", token);
    post_header(p, "X-Splunk-Request-Channel", bytes_text(p->side->session));
    return post_check_url(p, url, false, f);
}

static enum status prepare_ask(struct post *p, struct fault *f)
{
    const struct hec_post *own = p->own;
    enum status st = set_url(p, "/services/collector/ack", f);
    post_header(p, "Content-Type", BYTES_LITERAL("application/json"));
    buf_printf(&p->body, "{\"acks\":[%llu]}", (unsigned long long)own->ack_id);
    p->call.body = buf_view(&p->body);
    return st != OK ? st : p->body.status;
}

static enum status prepare(struct post *p, struct fault *f)
{
    if (p->more)
        return prepare_ask(p, f);
    bool raw = bytes_equal(config_of(p->view)->hec_endpoint_type, BYTES_LITERAL("Raw"));
    enum status st = set_url(p, raw ? "/services/collector/raw" : "/services/collector/event", f);
    post_header(p, "Content-Type",
                raw ? BYTES_LITERAL("text/plain; charset=utf-8")
                    : BYTES_LITERAL("application/json"));
    p->call.body = p->parcel->body;
    return st;
}

/* ---- answers */

static enum post_verdict no_answer(struct post *p)
{
    static const char *const codes[] = {
        [WEB_FAILED_OTHER] = "Splunk.InvalidEndpoint",
        [WEB_FAILED_CONNECT] = "Splunk.InvalidEndpoint",
        [WEB_FAILED_RESET] = "Splunk.ConnectionClosed",
        [WEB_FAILED_TLS] = "Splunk.SSLHandshake",
        [WEB_FAILED_CERTIFICATE] = "Splunk.SSLUnverified",
    };
    const char *code =
        p->call.status == TIMED_OUT ? "Splunk.ConnectionTimeout" : codes[p->call.why];
    return post_say(p, POST_FAILED, code, "%s", p->call.fault.text);
}

static enum post_verdict refused(struct post *p, const struct hec_answer *a)
{
    bool for_good;
    const char *code = hec_error(a, p->call.code, &for_good);
    return post_say(p, for_good ? POST_REFUSED : POST_FAILED, code,
                    "Splunk answered with HTTP status %d and code %d: %s", p->call.code, a->code,
                    a->text);
}

/* The next question, or the end of patience. */
static enum post_verdict ask_later(struct post *p)
{
    struct hec_post *own = p->own;
    const struct opt_int *given = &config_of(p->view)->hec_acknowledgment_timeout_in_seconds;
    uint64_t most_s = given->present ? (uint64_t)given->value : ACK_S_DEFAULT;
    uint64_t waited_us = clock_mono_us(p->side->settings.clock) - own->asking_us;
    if (waited_us >= most_s * 1000000)
        return post_say(p, POST_FAILED, "Splunk.AckTimeout",
                        "Splunk did not acknowledge the data within %llu s",
                        (unsigned long long)most_s);
    uint64_t left_ms = (most_s * 1000000 - waited_us) / 1000 + 1;
    uint64_t next_ms = waited_us / 2000 + ASK_FIRST_MS; /* ever less often */
    next_ms = next_ms < ASK_MOST_MS ? next_ms : ASK_MOST_MS;
    p->more_ms = next_ms < left_ms ? next_ms : left_ms;
    return POST_MORE;
}

static enum post_verdict judge_ask(struct post *p)
{
    const struct hec_post *own = p->own;
    struct hec_answer a;
    bool acknowledged;
    if (p->call.status != OK)
        return ask_later(p);
    struct bytes answer = buf_view(&p->call.answer);
    if (p->call.code == 200 && hec_ack_read(answer, own->ack_id, &acknowledged) == OK)
        return acknowledged ? POST_AGREED : ask_later(p);
    if (hec_answer_read(answer, &a) == OK && a.code >= 10 && a.code <= 14)
        return refused(p, &a); /* not a matter of time */
    return ask_later(p);
}

static enum post_verdict judge(struct post *p)
{
    struct hec_post *own = p->own;
    struct hec_answer a;
    if (p->more)
        return judge_ask(p);
    if (p->call.status != OK)
        return no_answer(p);
    enum status st = hec_answer_read(buf_view(&p->call.answer), &a);
    if (p->call.code != 200)
        return refused(p, &a);
    if (st != OK || (a.code != 0 && a.code != HEC_NO_CODE))
        return post_say(p, POST_FAILED, "Splunk.InvalidEndpoint",
                        "the answer is not one of Splunk's HTTP Event Collector");
    if (!a.has_ack)
        return post_say(p, POST_REFUSED, "Splunk.DisabledAck",
                        "indexer acknowledgment is disabled for the token: enable it");
    own->ack_id = a.ack_id;
    own->asking_us = clock_mono_us(p->side->settings.clock);
    return ask_later(p);
}

static enum status open_splunk(const struct destination_settings *s, struct destination **out,
                               struct fault *f)
{
    static const struct post_ops ops = {.kind = DELIVERY_TO_SPLUNK,
                                        .side_bytes = sizeof(struct post_side),
                                        .retry_s = retry_s,
                                        .prepare = prepare,
                                        .judge = judge,
                                        .own_bytes = sizeof(struct hec_post)};
    return post_open(&destination_splunk, &ops, s, out, f);
}

const struct destination_ops destination_splunk = {
    .open = open_splunk, .send = post_send, .close = post_close};
