/* pump_internal.h: how the parts of the engine see each other.
 *
 *   engine.c        threads and orders                          control, any
 *   pump.c          one delivery stream on one thread: its view, its source's shards, its lanes
 *   pump_rules.c    what a view means
 *   lane.c          one shard: reads, has processed, hands results to outputs
 *   lane_rules.c    under which version of the settings it works
 *   lane_room.c     whether it may read on
 *   lane_batch.c    what one read gave: records out of spans, results into outputs
 *   lane_save.c     plans, marks and the cursor: one change at a time
 *   lane_send.c     plans to destinations and back
 *   output.c        gathers; closes by size or age
 *
 * All of it but the engine's own head belongs to one delivery thread. */
#ifndef SLUICE_DELIVERY_PUMP_INTERNAL_H
#define SLUICE_DELIVERY_PUMP_INTERNAL_H

#include "base/random.h"
#include "base/table.h"
#include "base/thread.h"
#include "delivery/cargo.h"
#include "delivery/destination.h"
#include "delivery/engine.h"
#include "delivery/object_key.h"
#include "delivery/output_rules.h"
#include "delivery/plan.h"
#include "delivery/process.h"
#include "shards/batch_cipher.h"

enum {
    LANE_SENDS_MAX = 4,
    THREAD_SENDS_MAX = 16,
    LANE_BATCHES_MAX = 4,
    READ_AHEAD_BYTES = 1024 * 1024,
    READ_AHEAD_RECORDS = 10000,
    RETRY_MS = 1000,
    CURSOR_IDLE_MS = 5000, /* a cursor that moved over nothing to deliver is saved after that */
    PAUSE_MS = 20,         /* lanes that wait for memory look again */
    DELIVERY_KINDS = DELIVERY_TO_OPENSEARCH + 1
};

struct engine_order;

struct engine_thread {
    struct delivery_engine *engine; /* fixed at birth */
    uint32_t index;                 /* fixed at birth */
    struct thread thread;
    struct loop *loop;
    struct web *web;
    struct message stop;
    /* its own */
    struct list pumps;
    struct list senders; /* lanes that have plans ready; who sent last stands last */
    uint32_t sending;    /* parcels under way that do not just wait */
    struct loop_timer pause;
    bool stopping;
};

struct delivery_engine {
    struct delivery_engine_settings settings;
    const struct destination_ops *(*destination_of)(enum delivery_kind);
    uint32_t count;
    struct engine_thread *threads;
    _Atomic uint64_t memory; /* held by all outputs, plans and batches */
    _Atomic uint32_t lanes;
    struct list runs; /* delivery-control's own */
};

/* What the threads of one delivery stream share. Counted. */
struct run {
    _Atomic uint32_t refs;
    struct list node; /* delivery-control's own */
    struct delivery *delivery;
    uint64_t number;
    uint32_t threads;
    _Atomic uint64_t oldest_ms[]; /* by thread; 0: none */
};

/* A stored row, read at the start. */
struct stored_row {
    struct list node;
    enum delivery_row kind;
    uint32_t shard;
    struct bytes output, value;
    struct delivery_view *view; /* ROW_RULES: what it says */
    uint8_t bytes[];
};

/* What a view means, made once a view. Counted by its thread. */
struct pump_rules {
    uint32_t refs;
    struct delivery_view *view;
    struct output_rules of[OUTPUT_CHANNELS];
    bool plain, backs_up, names_records;
    struct conversion *conversion; /* data format conversion; NULL: none, or */
    char no_conversion[160];       /* why it cannot be done */
    struct buf text;               /* the view as it is stored; empty: not made yet */
};

struct pump {
    struct list node;
    struct engine_thread *t;
    struct run *run;
    struct delivery *delivery;  /* the run's */
    struct pump_rules *rules;   /* of the newest view */
    struct stream *stream;      /* NULL: not found, or gone */
    struct stream_view *source; /* the newest seen */
    struct stream_waiter waiter;
    struct message changed;
    bool waiting, sent;
    struct loop_timer look; /* for a source that is not there */
    struct list lanes;
    struct list rows; /* stored_row: of lanes that did not start yet */
    struct list flushes;
    struct destination *to[DELIVERY_KINDS]; /* NULL: not opened yet */
    struct loop_timer fresh;
    uint32_t guard; /* it is not freed meanwhile */
    bool ending;
    struct engine_order *ended; /* told when nothing is left */
};

/* What one read gave, on its way through the chain. */
struct lane_batch {
    struct process_batch process;
    struct lane *lane;
    struct list node; /* lane.batches, in order of the log */
    struct arena arena;
    struct log_span **spans;
    uint32_t span_count;
    uint64_t from, next; /* offsets */
    uint64_t given;      /* what spans and records take */
    uint64_t memory;     /* charged */
    bool done;
    bool is_void; /* its records are read again */
};

struct lane {
    struct list node;
    struct pump *pump;
    struct pump_rules *rules; /* in force here: lane_rules.c */
    bool rules_stored;
    struct shard *shard; /* as it was when the lane began */
    struct stream_view *source;
    uint64_t stream;      /* number */
    struct arena scratch; /* while it is made */

    /* reading */
    uint64_t next; /* offset */
    bool placed;   /* `next` is known */
    struct log_read read;
    struct message read_back;
    bool reading, read_here;
    uint64_t read_memory; /* charged for it */
    struct log_waiter waiter;
    struct message woken;
    bool waiting, sent;
    struct loop_timer again; /* after a failure */
    struct message turn;     /* to go on in the next turn */
    bool turning;
    bool hungry; /* waits for memory */
    bool failed; /* for good: it stands still, because: */
    char why[DELIVERY_ERROR_BYTES];
    bool ending, closing;

    /* processing */
    struct process *chain;
    struct list batches;
    uint32_t batch_count;
    uint64_t handed; /* every result of what lies below it is in an output */

    /* outputs */
    struct table outputs; /* by name */
    struct list output_list;
    struct output *latest;
    uint32_t output_count;
    uint64_t memory;
    uint32_t partitions, sending, under_way; /* outputs of MAIN that fill; parcels; plans in all */

    /* sending */
    struct list sender; /* engine_thread.senders */
    struct list ready;  /* plan.ready: saved, and waiting for a place among those under way */

    /* saving */
    struct delivery_change change;
    struct message saved;
    bool saving, dirty, save_failed;
    uint64_t cursor; /* stored */
    uint64_t saving_cursor;
    struct loop_timer idle_save;
    bool short_of_memory; /* a row of the change could not be made */
    uint64_t flush_to;    /* outputs close once all below it was handed over; 0: no flush */
};

enum plan_state {
    PLAN_REFILLING, /* after a restart: its results come from the log once more */
    PLAN_NEW,       /* not stored yet */
    PLAN_SAVING,
    PLAN_READY, /* stored */
    PLAN_SENDING,
    PLAN_SENT,
    PLAN_REMOVING
};
struct plan {
    struct list node;  /* output.plans, in order */
    struct list ready; /* lane.ready */
    struct output *output;
    struct pump_rules *rules;
    enum plan_state state;
    struct plan_facts facts;
    struct cargo cargo;
    uint64_t memory; /* charged */
    bool again;      /* it may have been sent in a former life */
    bool as_errors;  /* its cargo is error records by now */
    bool given_up;   /* retention took its beginning: what is left gathers anew */
    struct parcel parcel;
    bool waits; /* its destination waits with it: D4 */
};

struct output {
    struct list node;
    struct lane *lane;
    enum output_channel channel;
    struct bytes partition;
    char *name;
    struct position mark; /* results below it are delivered */
    bool mark_stored;
    struct position stored_mark;
    struct list plans;
    struct cargo filling;
    bool is_filling;
    uint64_t memory;
    struct loop_timer age;
};

/* engine.c */
void engine_charge(struct lane *l, uint64_t *held, uint64_t now); /* `held` becomes `now` */
bool engine_may_read(const struct lane *l);
/* Soon: lanes that wait for memory look again, and what is ready and has a place goes. */
void engine_look_soon(struct engine_thread *t);
void engine_tell(struct engine_order *o); /* its done(arg), when it was the last */
bool engine_owns(const struct engine_thread *t, uint64_t number, uint32_t shard);
/* It has no pumps left and is to stop. */
void engine_thread_look(struct engine_thread *t);
void run_unref(struct run *r);
void stored_row_free(struct stored_row *r);

/* pump.c */
void pump_new(struct engine_thread *t, struct run *run, struct list *rows);
void pump_set(struct pump *p); /* its view may be another */
void pump_end(struct pump *p, struct engine_order *told);
/* Removes the rows of a shard: it is no more, or they are another stream's. */
void pump_forget(struct pump *p, uint32_t shard);
void pump_lane_ended(struct pump *p);
void pump_note(struct pump *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A lane moved: flushes and DataFreshness. */
void pump_moved(struct pump *p);
void pump_flush(struct pump *p, struct engine_order *o, uint64_t within_ms);
struct destination *pump_destination(struct pump *p, enum delivery_kind kind);

/* pump_rules.c */
/* Takes over the view. */
struct pump_rules *pump_rules_new(struct delivery_view *v, struct conversions *conversions);
struct pump_rules *pump_rules_ref(struct pump_rules *r);
void pump_rules_unref(struct pump_rules *r);
/* The view as it is stored. False: there was no memory for it. */
bool pump_rules_text(struct pump_rules *r, struct bytes *out);

/* lane.c */
struct lane *lane_new(struct pump *p, struct shard *shard, struct list *rows);
void lane_step(struct lane *l);
/* After a while, from there on, whatever was read meanwhile. */
void lane_read_again(struct lane *l, uint64_t from);
void lane_end(struct lane *l); /* it is freed once nothing of it is under way */
bool lane_settle(struct lane *l);
void lane_fail(struct lane *l, const struct fault *f);
/* The lowest offset of which not every result is delivered. */
uint64_t lane_cursor(const struct lane *l);
uint64_t lane_oldest_ms(const struct lane *l);

/* lane_rules.c */
/* The pump's rules, as soon as nothing is left of what was read under others. */
void lane_adopt(struct lane *l);
/* It has still to come to the pump's rules: whatever it holds closes at once. */
bool lane_drains(const struct lane *l);
/* Behind what it read there is something that was delivered or planned in a former life. */
bool lane_owes(const struct lane *l);
/* At the start: what was stored of the rules it worked under; and, when all its rows are there, its chain. */
void lane_rules_restore(struct lane *l, struct delivery_view *v);
enum status lane_rules_begin(struct lane *l, struct fault *f);

/* lane_batch.c */
struct lane_batch *lane_batch_new(struct lane *l, struct fault *f);
void lane_batch_free(struct lane_batch *b);
/* Into the chain; `next` may be less afterwards. */
void lane_batch_process(struct lane_batch *b);
/* Hands over what is done, in order. */
void lane_hand_over(struct lane *l);

/* lane_room.c */
bool lane_has_room(struct lane *l);
/* A partition more than there may be takes the place of the fullest, which closes early: no record goes to the error output for that, as AWS has it, since after a
 * restart another partition could be the one too many, and F3 would be lost. */
enum status lane_make_room(struct lane *l, const struct output *o, struct fault *f);

/* lane_save.c */
void lane_save(struct lane *l);
void lane_save_init(struct lane *l);
void lane_save_later(struct lane *l);

/* lane_send.c */
void plan_send_ready(struct plan *p);
void thread_send(struct engine_thread *t);

/* output.c */
/* NULL: NO_MEMORY. */
struct output *output_of(struct lane *l, enum output_channel channel, struct bytes partition,
                         struct fault *f);
enum status output_add(struct output *o, struct position at, uint64_t time_ms, struct bytes data,
                       struct fault *f);
/* All that is below `handed` came: plans of a former life whose results all lie there are whole. */
enum status output_refilled(struct output *o, uint64_t handed, struct fault *f);
/* The log begins there by now, and all that came of it was added. */
enum status output_lost_below(struct output *o, uint64_t begin, struct fault *f);
enum status output_close(struct output *o, struct fault *f);
/* What the names of a plan's objects are made of, but for channel and partition; and such a name, in the plan's arena. */
void plan_key(const struct plan *p, const struct output_rules *rules, struct object_key *key);
enum status plan_key_text(struct plan *p, const struct object_key *key, const char **name,
                          struct fault *f);
enum status lane_close_outputs(struct lane *l, uint64_t interval_ms_max, struct fault *f);
/* Those that are to wait no longer: all of them, when a flush has come so far or newer settings wait. */
enum status lane_close_due(struct lane *l, struct fault *f);
/* Copies a text into the plan's arena; false: no memory. */
bool plan_keep(struct plan *p, struct bytes text, const char **out);
void output_restore_plan(struct output *o, struct plan_facts *facts);
void output_free(struct output *o);
bool output_is_idle(const struct output *o);
void plan_free(struct plan *p);
void plan_charge(struct plan *p);

#endif
