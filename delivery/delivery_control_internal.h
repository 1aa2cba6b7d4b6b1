/* delivery_control_internal.h: what the parts of the control share. All of it is delivery-control's own, but what is fixed at birth. */
#ifndef SLUICE_DELIVERY_DELIVERY_CONTROL_INTERNAL_H
#define SLUICE_DELIVERY_DELIVERY_CONTROL_INTERNAL_H

#include "base/lock.h"
#include "base/loop.h"
#include "base/thread.h"
#include "delivery/delivery_control.h"

struct delivery_control {
    /* fixed at birth */
    struct delivery_control_settings settings;
    struct loop *loop;
    struct thread thread;
    struct lock mu; /* of the catalog's answer that the thread waits for */
    struct signal answered;
    /* the thread's own */
    uint64_t next_number;
    struct list delays;  /* changes of state that wait for their time */
    struct list endings; /* with the runner: delivery_ending.c */
    struct message begin, end;
    bool closing;
};

/* A command not answered yet: somebody else will. */
enum { DELIVERY_LATER = 2 };
typedef int delivery_verb_fn(struct delivery_control *, struct delivery_command *);
void delivery_answer(struct delivery_command *command, enum status status);

/* The command's delivery stream, referenced, and its view; NOT_FOUND. */
enum status delivery_find(struct delivery_control *c, struct delivery_command *command,
                          struct delivery **d, struct delivery_view **v) MUST_USE;
/* IN_USE unless it is ACTIVE. */
enum status delivery_must_be_active(const struct delivery_view *v, struct fault *f) MUST_USE;
/* Makes a view of these, writes it, publishes it (K1). */
enum status delivery_change_to(struct delivery_control *c, struct delivery *d,
                               const struct delivery_view *values,
                               const struct firehose_create_delivery_stream_input *config,
                               struct fault *f) MUST_USE;
/* Puts the view's row into a change. */
enum status delivery_put_row(struct delivery_change *change, const struct delivery_view *v,
                             struct fault *f) MUST_USE;
enum { DELIVERY_KEY_BYTES = 48 };
/* "delivery/00000000000000000007" */
void delivery_key_print(uint64_t number, char out[DELIVERY_KEY_BYTES]);
/* Runs `then` on the thread in `ms`; dropped when the control closes. */
void delivery_delay_start(struct delivery_control *c, struct delivery *d, uint64_t ms,
                          void (*then)(struct delivery_control *, struct delivery *));
enum { DELIVERY_AGAIN_MS = 500 };
void delivery_stop_if_idle(struct delivery_control *c);

/* delivery_verbs.c */
delivery_verb_fn delivery_create, delivery_update_destination, delivery_set_tags, delivery_flush;
/* CREATING becomes ACTIVE, and runs. */
void delivery_activate(struct delivery_control *c, struct delivery *d);
/* It is told to the runner, until that takes it. */
void delivery_run(struct delivery_control *c, struct delivery *d);

/* delivery_encryption.c */
delivery_verb_fn delivery_start_encryption, delivery_stop_encryption;
/* ENCRYPTING and DECRYPTING come to their end. */
void delivery_settle_encryption(struct delivery_control *c, struct delivery *d);
/* Encrypts the hidden stream of one that is made encrypted. KEY_*. */
enum status delivery_encrypt(struct delivery_control *c, const struct delivery_view *v,
                             struct fault *f) MUST_USE;

/* delivery_ending.c */
delivery_verb_fn delivery_delete;
/* Ends one that is DELETING; `command` is answered when it is gone, or NULL. */
void delivery_end(struct delivery_control *c, struct delivery *d, struct delivery_command *command);

/* delivery_hidden.c: blocks until the catalog has answered. */
enum status delivery_hidden_make(struct delivery_control *c, const struct delivery_view *v,
                                 struct fault *f) MUST_USE;
/* OK too when there is none. */
enum status delivery_hidden_remove(struct delivery_control *c, const struct scope *hidden,
                                   struct bytes name, struct fault *f) MUST_USE;
enum status delivery_hidden_encrypt(struct delivery_control *c, const struct delivery_view *v,
                                    bool start, struct bytes key_id, struct fault *f) MUST_USE;
/* K2: hidden streams that no delivery stream owns. */
void delivery_hidden_sweep(struct delivery_control *c);

#endif
