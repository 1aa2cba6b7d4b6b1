/* group_keeper.h: keeps the consumer groups of all streams: the state machine of groups/, its rows in a database of their own, and the
 * commands of whoever asks.
 *
 * The rows do not stand in the catalog's database: workers commit all the time, and a stream that is being created must not wait behind
 * them. Nor does it need to be one batch with a change of streams: a group whose stream is gone is dropped, at once or at the next start.
 *
 * K1. A command is answered after everything that its answer tells is durable: with one write and sync for all commands that came in
 *     while the write before was at the disk. Commands that change nothing durable write nothing.
 * K2. After a restart every member has its whole session time-out to be heard of again, with its session, its leases and their epochs.
 * K3. What a group knows of its stream's shards is never older than its stream's view at the time of the command.
 * K4. A command counts as of the time it was submitted at: who was heard of in time does not expire because the disk was slow. */
#ifndef SLUICE_API_GROUP_KEEPER_H
#define SLUICE_API_GROUP_KEEPER_H

#include "base/bytes.h"
#include "base/list.h"
#include "base/mailbox.h"
#include "groups/group.h"
#include "shards/stream_table.h"

struct group_keeper;
struct group_keeper_settings {
    const char *folder; /* made when it is not there */
    struct stream_table *streams;
    const struct clock *clock;
};
/* Reads everything, starts the thread. Blocks on the disk. IN_USE, CORRUPT, UNSUPPORTED, IO_FAILED. */
enum status group_keeper_open(const struct group_keeper_settings *settings,
                              struct group_keeper **out, struct fault *f) MUST_USE;
/* Nobody may submit any more, and all must have been answered. */
void group_keeper_close(struct group_keeper *k);

enum group_verb {
    GROUP_CREATE,
    GROUP_DELETE,
    GROUP_DESCRIBE,
    GROUP_LIST,
    GROUP_JOIN,
    GROUP_HEARTBEAT,
    GROUP_COMMIT,
    GROUP_LEAVE,
    GROUP_RESET,
    GROUP_VERBS
};

struct group_commit_one {
    struct group_lease_id lease;
    struct checkpoint at;
    enum status status; /* set before: it is refused already */
    char *text;         /* why not OK; NULL when OK */
};
struct group_summary {
    char name[GROUP_MEMBER_BYTES];
    uint64_t created_ms;
    size_t member_count;
};

/* Lives in its owner until `done`, and so does what it points to. */
struct group_command {
    enum group_verb verb;
    struct stream_view *view; /* of the stream it is about */
    const char *name;         /* the group's; NULL: GROUP_LIST */
    union {
        struct group_member member; /* join */
        struct group_session who;   /* heartbeat, commit, leave */
    };
    union {
        struct {
            const struct group_lease_id *at;
            size_t count;
        } released; /* heartbeat */
        struct {
            struct group_commit_one *at;
            size_t count;
        } commits;
        struct {
            const char *after; /* a shard id; NULL: from the first */
            size_t most;
        } page; /* describe: of leases */
        struct {
            const char *shard_id; /* NULL: all */
            struct checkpoint at;
        } reset;
    };
    void (*done)(
        struct group_command *); /* Thread: the keeper's. Must not block; may free the command */

    /* the answer; mem_free what it points to */
    enum status status;
    struct fault fault;
    uint64_t session;           /* join */
    struct group_lease *leases; /* heartbeat: the member's; describe: a page */
    size_t lease_count;
    bool more_leases;
    struct group_member *members; /* describe */
    uint32_t *held;               /* beside them: how many leases each has */
    size_t member_count;
    uint64_t now_ms, created_ms;     /* describe */
    struct group_summary *summaries; /* list: by name */
    size_t summary_count;

    /* the keeper's own */
    struct message message;
    struct group_keeper *keeper;
    struct list node;
    uint64_t asked_ms;
};
/* Thread: any. */
void group_command_submit(struct group_keeper *k, struct group_command *c);
/* Frees what the answer points to. */
void group_command_fini(struct group_command *c);

#endif
