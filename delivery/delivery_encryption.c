/* delivery_encryption.c: encryption of DirectPut delivery streams: that of their hidden streams (shards/stream_encryption.h), which seals
 * records for real.
 *
 *   PLAIN --start--> ENCRYPTING --delay--> ENCRYPTED --stop--> DECRYPTING --delay--> PLAIN
 *
 * The hidden stream changes at once, before the row says so: what is put after the answer is sealed, or is not. A crash between leaves a row
 * that says less than what is done; the next start or stop puts it right. */
#include "delivery/delivery_check.h"
#include "delivery/delivery_control_internal.h"

#include "base/limits.h"
#include "base/trace.h"
#include "delivery/source.h"

/* What AWS's own key is here: the one that streams have by default. */
static const struct bytes owned_key = BYTES_LITERAL("alias/aws/kinesis");

static struct bytes key_of(const struct firehose_delivery_stream_encryption_configuration_input *e)
{
    return e && bytes_present(e->key_arn) ? e->key_arn : owned_key;
}

enum status delivery_encrypt(struct delivery_control *c, const struct delivery_view *v,
                             struct fault *f)
{
    return delivery_hidden_encrypt(
        c, v, true, key_of(v->config->delivery_stream_encryption_configuration_input), f);
}

/* Of the hidden stream, referenced; NULL: never encrypted. */
static struct stream_encryption *hidden_encryption(const struct delivery_control *c,
                                                   const struct delivery_view *v)
{
    struct stream *s = source_find(c->settings.streams, v);
    if (!s)
        return NULL;
    struct stream_view *view = stream_look(s);
    struct stream_encryption *e = stream_encryption_ref(view->settings.encryption);
    stream_view_unref(view);
    stream_unref(s);
    return e;
}

static uint32_t count_since(const struct encryption_changes *changes, uint64_t since_ms)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < changes->count; i++)
        count += changes->at_ms[i] > since_ms;
    return count;
}

/* Both kinds of change together. */
static enum status check_often(struct delivery_control *c, const struct delivery_view *v,
                               struct fault *f)
{
    struct stream_encryption *e = hidden_encryption(c, v);
    uint32_t count = 0;
    if (e) {
        uint64_t now_ms = clock_wall_ms(c->settings.clock);
        uint64_t since_ms = now_ms > RESHAPE_PERIOD_MS ? now_ms - RESHAPE_PERIOD_MS : 0;
        count = count_since(&e->starts, since_ms) + count_since(&e->stops, since_ms);
        stream_encryption_unref(e);
    }
    if (count < ENCRYPTION_CHANGES_MAX)
        return OK;
    return fault_set(f, LIMIT_EXCEEDED,
                     "Encryption of firehose %s under account %s was started and stopped %d times "
                     "within 24 hours, the most it can be.",
                     v->name, v->scope.account, ENCRYPTION_CHANGES_MAX);
}

static enum status check(struct delivery_control *c, const struct delivery_view *v, struct fault *f)
{
    enum status st = delivery_must_be_active(v, f);
    if (st == OK && v->source != DELIVERY_DIRECT_PUT)
        return fault_set(f, INVALID_ARGUMENT,
                         "This operation is not permitted on KinesisStreamAsSource delivery stream "
                         "type.");
    if (st == OK && (v->encryption == DELIVERY_ENCRYPTING || v->encryption == DELIVERY_DECRYPTING))
        return fault_set(f, IN_USE,
                         "Encryption of firehose %s under accountId %s is being changed.", v->name,
                         v->scope.account);
    return st == OK ? check_often(c, v, f) : st;
}

void delivery_settle_encryption(struct delivery_control *c, struct delivery *d)
{
    struct delivery_view *v = delivery_look(d);
    struct delivery_view values = delivery_view_values(v);
    struct fault f;
    bool under_way = v->encryption == DELIVERY_ENCRYPTING || v->encryption == DELIVERY_DECRYPTING;
    values.encryption = v->encryption == DELIVERY_ENCRYPTING ? DELIVERY_ENCRYPTED : DELIVERY_PLAIN;
    if (under_way && v->status == DELIVERY_ACTIVE &&
        delivery_change_to(c, d, &values, v->config, &f) != OK) {
        trace(TRACE_WARN, "delivery", "%s", f.text);
        delivery_delay_start(c, d, DELIVERY_AGAIN_MS, delivery_settle_encryption);
    }
    delivery_view_unref(v);
}

/* Writes what the hidden stream is now. */
static enum status change(struct delivery_control *c, struct delivery *d,
                          const struct delivery_view *v, bool start,
                          struct firehose_delivery_stream_encryption_configuration_input *wish,
                          struct fault *f)
{
    bool dwells = c->settings.state_delay_ms > 0;
    struct delivery_view values = delivery_view_values(v);
    struct firehose_create_delivery_stream_input config = *v->config;
    config.delivery_stream_encryption_configuration_input = wish;
    if (start)
        values.encryption = dwells ? DELIVERY_ENCRYPTING : DELIVERY_ENCRYPTED;
    else
        values.encryption = dwells ? DELIVERY_DECRYPTING : DELIVERY_PLAIN;
    enum status st = delivery_change_to(c, d, &values, &config, f);
    if (st == OK && dwells)
        delivery_delay_start(c, d, c->settings.state_delay_ms, delivery_settle_encryption);
    return st;
}

int delivery_start_encryption(struct delivery_control *c, struct delivery_command *command)
{
    struct fault *f = &command->fault;
    struct delivery *d;
    struct delivery_view *v;
    struct firehose_delivery_stream_encryption_configuration_input wish = {
        .key_type = BYTES_LITERAL("AWS_OWNED_CMK")};
    if (command->start)
        wish = *command->start;
    enum status st = delivery_find(c, command, &d, &v);
    if (st != OK)
        return st;
    st = delivery_check_encryption(command->start, f);
    if (st == OK)
        st = check(c, v, f);
    if (st == OK)
        st = delivery_hidden_encrypt(c, v, true, key_of(&wish), f);
    if (st == OK)
        st = change(c, d, v, true, &wish, f);
    delivery_view_unref(v);
    delivery_unref(d);
    return st;
}

/* Whatever the row says of it: a start may have been cut off before that. */
static enum status stop_hidden(struct delivery_control *c, const struct delivery_view *v,
                               struct fault *f)
{
    struct stream_encryption *e = hidden_encryption(c, v);
    enum status st = OK;
    if (e && e->on)
        st = delivery_hidden_encrypt(c, v, false, bytes_text(e->key_id), f);
    stream_encryption_unref(e);
    return st;
}

int delivery_stop_encryption(struct delivery_control *c, struct delivery_command *command)
{
    struct fault *f = &command->fault;
    struct delivery *d;
    struct delivery_view *v;
    enum status st = delivery_find(c, command, &d, &v);
    if (st != OK)
        return st;
    st = check(c, v, f);
    if (st == OK)
        st = stop_hidden(c, v, f);
    if (st == OK && v->config->delivery_stream_encryption_configuration_input)
        st = change(c, d, v, false, NULL, f);
    delivery_view_unref(v);
    delivery_unref(d);
    return st;
}
