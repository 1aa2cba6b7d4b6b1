/* delivery_control.c: the thread: reading back, carrying out commands one at a time, closing.
 *
 * The verbs live beside: delivery_verbs.c (create, update, tags), delivery_encryption.c, delivery_ending.c (delete). The thread may wait for its
 * own writes and for the catalog's; nobody waits for it but who submitted a command. */
#include "delivery/delivery_control_internal.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

/* ---- helpers of the verbs ---- */

enum status fault_delivery_not_found(struct fault *f, struct bytes name, const char *account)
{
    return fault_set(f, NOT_FOUND, "Firehose %.*s under account %s not found.", BYTES_ARGS(name),
                     account);
}

enum status delivery_find(struct delivery_control *c, struct delivery_command *command,
                          struct delivery **d, struct delivery_view **v)
{
    *v = NULL;
    *d = delivery_table_find(c->settings.table, &command->scope, command->name);
    if (!*d)
        return fault_delivery_not_found(&command->fault, command->name, command->scope.account);
    *v = delivery_look(*d);
    return OK;
}

enum status delivery_must_be_active(const struct delivery_view *v, struct fault *f)
{
    if (v->status == DELIVERY_ACTIVE)
        return OK;
    return fault_set(f, IN_USE, "Firehose %s under accountId %s is not ACTIVE, instead in state %s",
                     v->name, v->scope.account, delivery_status_name(v->status));
}

void delivery_key_print(uint64_t number, char out[DELIVERY_KEY_BYTES])
{
    snprintf(out, DELIVERY_KEY_BYTES, "delivery/%020" PRIu64, number);
}

enum status delivery_put_row(struct delivery_change *change, const struct delivery_view *v,
                             struct fault *f)
{
    char key[DELIVERY_KEY_BYTES];
    struct buf row;
    buf_init(&row, DELIVERY_VIEW_BYTES_MAX);
    enum status st = delivery_view_write(v, &row);
    delivery_key_print(v->number, key);
    if (st == OK)
        delivery_change_put(change, bytes_text(key), buf_view(&row));
    else
        fault_set(f, st, "a delivery stream's configuration is too large");
    buf_fini(&row);
    return st;
}

enum status delivery_change_to(struct delivery_control *c, struct delivery *d,
                               const struct delivery_view *values,
                               const struct firehose_create_delivery_stream_input *config,
                               struct fault *f)
{
    struct delivery_view *next;
    struct delivery_change change;
    enum status st = delivery_view_new(values, config, &next, f);
    if (st != OK)
        return st;
    delivery_change_init(&change, NULL);
    st = delivery_put_row(&change, next, f);
    if (st == OK)
        st = delivery_store_write(c->settings.store, &change, f);
    delivery_change_fini(&change);
    if (st == OK)
        delivery_publish(d, next); /* K1 */
    else
        delivery_view_unref(next);
    return st;
}

/* ---- delays ---- */

struct delay {
    struct list node;
    struct loop_timer timer;
    struct delivery_control *control;
    struct delivery *delivery; /* referenced */
    void (*then)(struct delivery_control *, struct delivery *);
};

static void delay_free(struct delay *d)
{
    loop_timer_cancel(d->control->loop, &d->timer);
    list_remove(&d->node);
    delivery_unref(d->delivery);
    mem_free(d);
}

static void delay_fire(struct loop_timer *t)
{
    struct delay *d = LIST_OWNER(t, struct delay, timer);
    d->then(d->control, d->delivery);
    delay_free(d);
}

void delivery_delay_start(struct delivery_control *c, struct delivery *delivery, uint64_t ms,
                          void (*then)(struct delivery_control *, struct delivery *))
{
    struct delay *d = MEM_NEW(struct delay);
    *d = (struct delay){.timer = {.fire = delay_fire},
                        .control = c,
                        .delivery = delivery_ref(delivery),
                        .then = then};
    list_append(&c->delays, &d->node);
    loop_timer_set(c->loop, &d->timer, ms);
}

/* ---- commands ---- */

void delivery_answer(struct delivery_command *command, enum status status)
{
    command->status = status;
    command->fault.status = status;
    command->done(command);
}

static delivery_verb_fn *const verbs[DELIVERY_VERBS] = {
    [DELIVERY_CREATE] = delivery_create,
    [DELIVERY_DELETE] = delivery_delete,
    [DELIVERY_UPDATE] = delivery_update_destination,
    [DELIVERY_SET_TAGS] = delivery_set_tags,
    [DELIVERY_START_ENCRYPTION] = delivery_start_encryption,
    [DELIVERY_STOP_ENCRYPTION] = delivery_stop_encryption,
    [DELIVERY_FLUSH] = delivery_flush,
};

static void handle(struct message *m)
{
    struct delivery_command *command = LIST_OWNER(m, struct delivery_command, message);
    struct delivery_control *c = command->control;
    thread_must_be(THREAD_DELIVERY_CONTROL);
    must(command->verb < DELIVERY_VERBS && verbs[command->verb]);
    int outcome = c->closing
                      ? (int)fault_set(&command->fault, CLOSING, "the server is shutting down")
                      : verbs[command->verb](c, command);
    if (outcome != DELIVERY_LATER)
        delivery_answer(command, (enum status)outcome);
}

void delivery_control_submit(struct delivery_control *c, struct delivery_command *command)
{
    command->control = c;
    command->message = (struct message){.handle = handle};
    loop_send(c->loop, &command->message);
}

/* ---- reading everything back ---- */

static enum status read_next(void *arg, struct bytes key, struct bytes value, struct fault *f)
{
    struct delivery_control *c = arg;
    json_t *row = json_loadb((const char *)value.at, value.len, 0, NULL);
    json_int_t number = json_integer_value(json_object_get(row, "number"));
    json_decref(row);
    if (number <= 0)
        return fault_set(f, CORRUPT, "delivery: the row %.*s cannot be read", BYTES_ARGS(key));
    c->next_number = (uint64_t)number;
    return OK;
}

static enum status read_row(void *arg, struct bytes key, struct bytes value, struct fault *f)
{
    struct delivery_control *c = arg;
    static const struct bytes kind = BYTES_LITERAL("delivery/");
    uint64_t number;
    struct delivery_view *v;
    if (!bytes_to_u64(bytes_of(key.at + kind.len, key.len - kind.len), &number))
        return fault_set(f, CORRUPT, "delivery: the row %.*s cannot be read", BYTES_ARGS(key));
    enum status st = delivery_view_read(number, value, &v, f);
    if (st != OK)
        return st;
    struct delivery *d = delivery_new(v);
    delivery_table_add(c->settings.table, d);
    delivery_unref(d);
    return OK;
}

/* All of the table, a page at a time. */
static void each(struct delivery_control *c,
                 void (*visit)(struct delivery_control *, struct delivery *))
{
    enum { PAGE = 64 };
    struct delivery *page[PAGE];
    struct delivery_view *last = NULL;
    size_t count = PAGE;
    while (count == PAGE) {
        count = delivery_table_walk(c->settings.table, last, page, PAGE);
        for (size_t i = 0; i < count; i++) {
            delivery_view_unref(last);
            last = delivery_look(page[i]);
            visit(c, page[i]);
            delivery_unref(page[i]);
        }
    }
    delivery_view_unref(last);
}

/* K2 */
static void resume(struct delivery_control *c, struct delivery *d)
{
    struct delivery_view *v = delivery_look(d);
    if (v->status == DELIVERY_CREATING) {
        delivery_activate(c, d);
    } else if (v->status == DELIVERY_DELETING) {
        delivery_end(c, d, NULL);
    } else if (v->status == DELIVERY_ACTIVE) {
        delivery_settle_encryption(c, d);
        delivery_run(c, d);
    }
    delivery_view_unref(v);
}

static void begin(struct message *m)
{
    struct delivery_control *c = LIST_OWNER(m, struct delivery_control, begin);
    delivery_hidden_sweep(c);
    each(c, resume);
}

static void remove_from_table(struct delivery_control *c, struct delivery *d)
{
    delivery_table_remove(c->settings.table, d);
}

/* ---- life ---- */

static void thread_run(void *arg)
{
    loop_run(((struct delivery_control *)arg)->loop);
}

static void free_all(struct delivery_control *c)
{
    LIST_EACH(node, keep, &c->delays)
    delay_free(LIST_OWNER(node, struct delay, node));
    each(c, remove_from_table);
    loop_free(c->loop);
    signal_fini(&c->answered);
    lock_fini(&c->mu);
    mem_free(c);
}

enum status delivery_control_open(const struct delivery_control_settings *s,
                                  struct delivery_control **out, struct fault *f)
{
    *out = NULL;
    struct delivery_control *c = MEM_NEW(struct delivery_control);
    c->settings = *s;
    c->next_number = 1;
    lock_init(&c->mu, LOCK_DELIVERY_CONTROL);
    signal_init(&c->answered);
    list_init(&c->delays);
    list_init(&c->endings);
    enum status st = loop_new(&c->loop, s->clock, f);
    if (st == OK)
        st = delivery_store_each(s->store, BYTES_LITERAL("meta/next"), read_next, c, f);
    if (st == OK)
        st = delivery_store_each(s->store, BYTES_LITERAL("delivery/"), read_row, c, f);
    if (st != OK) {
        free_all(c);
        return st;
    }
    c->begin.handle = begin;
    loop_send(c->loop, &c->begin);
    thread_start(&c->thread, THREAD_DELIVERY_CONTROL, "delivery-ctl", thread_run, c);
    *out = c;
    return OK;
}

static void stop(struct message *m)
{
    loop_stop(LIST_OWNER(m, struct delivery_control, end)->loop);
}

void delivery_stop_if_idle(struct delivery_control *c)
{
    if (!c->closing || !list_empty(&c->endings))
        return;
    c->end.handle = stop;
    loop_send(c->loop, &c->end);
}

static void close_on_thread(struct message *m)
{
    struct delivery_control *c = LIST_OWNER(m, struct delivery_control, end);
    c->closing = true;
    delivery_stop_if_idle(c);
}

void delivery_control_close(struct delivery_control *c)
{
    if (!c)
        return;
    c->end.handle = close_on_thread;
    loop_send(c->loop, &c->end);
    thread_join(&c->thread);
    free_all(c);
}
