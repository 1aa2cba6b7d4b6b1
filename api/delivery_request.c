/* delivery_request.c: see delivery_request.h. */
#include "api/delivery_request.h"

enum status request_delivery(const struct service *s, const struct exchange *x, struct bytes name,
                             struct delivery **d, struct delivery_view **v, struct fault *f)
{
    *v = NULL;
    *d = delivery_table_find(s->deliveries, &x->scope, name);
    if (!*d)
        return fault_delivery_not_found(f, name, x->scope.account);
    *v = delivery_look(*d);
    return OK;
}

static void answered(struct message *m)
{
    struct exchange *x = LIST_OWNER(m, struct exchange, message);
    struct delivery_request *r = x->operation;
    if (r->command.status == OK)
        r->answer(r);
    else
        reply_fault(x, &r->command.fault);
}

/* Thread: delivery-control, or any. */
static void done(struct delivery_command *command)
{
    exchange_send(LIST_OWNER(command, struct delivery_request, command)->exchange, answered);
}

struct delivery_request *delivery_request_new(struct exchange *x, enum delivery_verb verb,
                                              struct bytes name,
                                              void (*answer)(struct delivery_request *))
{
    struct delivery_request *r = arena_zero(&x->arena, sizeof(*r));
    if (!r) {
        reply_fault(x, &(struct fault){.status = NO_MEMORY});
        return NULL;
    }
    r->exchange = x;
    r->answer = answer;
    r->command.verb = verb;
    r->command.scope = x->scope;
    r->command.name = name;
    r->command.done = done;
    x->operation = r;
    return r;
}

void delivery_request_run(const struct service *s, struct delivery_request *r)
{
    delivery_control_submit(s->delivery_control, &r->command);
}
