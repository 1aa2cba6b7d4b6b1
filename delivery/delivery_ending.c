/* delivery_ending.c: delete.
 *
 *   ACTIVE, CREATING_FAILED --delete--> DELETING --the runner has let go, delay--> hidden stream removed --> rows removed: (none)
 *
 * Whatever was not delivered is gone, as on AWS. Each step can be done again, so after a crash all of them are. With no delay the command is
 * answered when nothing is left; with one, when DELETING is written. */
#include "delivery/delivery_control_internal.h"

#include "base/mem.h"
#include "base/trace.h"
#include "delivery/plan.h"

struct ending {
    struct list node;
    struct message message;
    struct delivery_control *control;
    struct delivery *delivery;        /* referenced */
    struct delivery_command *command; /* to be answered then, or NULL */
};

static enum status remove_rows(struct delivery_control *c, const struct delivery_view *v,
                               struct fault *f)
{
    char key[DELIVERY_KEY_BYTES];
    struct delivery_change change;
    delivery_change_init(&change, NULL);
    delivery_key_print(v->number, key);
    delivery_change_remove(&change, bytes_text(key));
    rows_remove(&change, v->number, NULL);
    enum status st = delivery_store_write(c->settings.store, &change, f);
    delivery_change_fini(&change);
    return st;
}

static enum status remove_all(struct delivery_control *c, struct delivery *d, struct fault *f)
{
    struct delivery_view *v = delivery_look(d);
    struct scope hidden = delivery_hidden_scope(&v->scope);
    enum status st = OK;
    if (v->source == DELIVERY_DIRECT_PUT)
        st = delivery_hidden_remove(c, &hidden, bytes_text(v->name), f); /* K3 */
    if (st == OK)
        st = remove_rows(c, v, f);
    if (st == OK)
        delivery_table_remove(c->settings.table, d);
    delivery_view_unref(v);
    return st;
}

static void remove_later(struct delivery_control *c, struct delivery *d)
{
    struct fault f;
    if (remove_all(c, d, &f) != OK) {
        trace(TRACE_WARN, "delivery", "%s", f.text);
        delivery_delay_start(c, d, DELIVERY_AGAIN_MS, remove_later);
    }
}

static void let_go(struct message *m)
{
    struct ending *e = LIST_OWNER(m, struct ending, message);
    struct delivery_control *c = e->control;
    struct delivery_command *command = e->command;
    struct fault f;
    list_remove(&e->node);
    if (c->closing) { /* the next start takes it from here */
        if (command)
            delivery_answer(command, OK);
    } else if (!command) {
        delivery_delay_start(c, e->delivery, c->settings.state_delay_ms, remove_later);
    } else if (remove_all(c, e->delivery, &f) == OK) {
        delivery_answer(command, OK);
    } else {
        trace(TRACE_WARN, "delivery", "%s", f.text);
        delivery_delay_start(c, e->delivery, DELIVERY_AGAIN_MS, remove_later);
        delivery_answer(command, OK); /* it is DELETING, and will go */
    }
    delivery_unref(e->delivery);
    mem_free(e);
    delivery_stop_if_idle(c);
}

/* Thread: any. */
static void runner_done(void *arg)
{
    struct ending *e = arg;
    loop_send(e->control->loop, &e->message);
}

void delivery_end(struct delivery_control *c, struct delivery *d, struct delivery_command *command)
{
    struct ending *e = MEM_NEW(struct ending);
    *e = (struct ending){.message = {.handle = let_go},
                         .control = c,
                         .delivery = delivery_ref(d),
                         .command = command};
    list_append(&c->endings, &e->node);
    c->settings.runner.remove(c->settings.runner.arg, d, runner_done, e);
}

int delivery_delete(struct delivery_control *c, struct delivery_command *command)
{
    struct fault *f = &command->fault;
    struct delivery *d;
    struct delivery_view *v;
    enum status st = delivery_find(c, command, &d, &v);
    if (st != OK)
        return st;
    struct delivery_view values = delivery_view_values(v);
    bool under_way = v->status == DELIVERY_DELETING;
    bool dwells = c->settings.state_delay_ms > 0;
    values.status = DELIVERY_DELETING;
    if (v->status == DELIVERY_CREATING)
        st = delivery_must_be_active(v, f);
    if (st == OK && !under_way)
        st = delivery_change_to(c, d, &values, v->config, f);
    if (st == OK && !under_way)
        delivery_end(c, d, dwells ? NULL : command);
    delivery_view_unref(v);
    delivery_unref(d);
    return st == OK && !under_way && !dwells ? DELIVERY_LATER : (int)st;
}
