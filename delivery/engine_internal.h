/* engine_internal.h: orders: what delivery-control has the threads do. */
#ifndef SLUICE_DELIVERY_ENGINE_INTERNAL_H
#define SLUICE_DELIVERY_ENGINE_INTERNAL_H

#include "delivery/pump_internal.h"

enum order_kind { ORDER_SET, ORDER_REMOVE, ORDER_FLUSH };

/* One thread's part of an order. */
struct order_part {
    struct message message;
    struct engine_thread *t;
    struct engine_order *order;
    struct list rows; /* SET: of a delivery stream that is new here */
};
struct engine_order {
    enum order_kind kind;
    struct run *run;
    uint64_t within_ms;
    void (*ended)(void *);
    void (*flushed)(void *, enum status, const struct fault *);
    void *arg;
    _Atomic uint32_t left; /* parts that are not done */
    _Atomic int status;    /* the first that failed; its words: */
    struct fault fault;
    struct order_part parts[];
};
/* Of a part, before it is told; the first counts. OK: nothing. */
void engine_order_fail(struct engine_order *o, enum status st, const char *why);

#endif
