/* group_internal.h: a group's memory: group.c (life, rows), group_members.c (what members do), group_shards.c (the list of shards). */
#ifndef SLUICE_GROUPS_GROUP_INTERNAL_H
#define SLUICE_GROUPS_GROUP_INTERNAL_H

#include "base/list.h"
#include "groups/group.h"

struct member {
    struct list node; /* of the group's members, in the order of joining; or of those gone */
    struct group_member values;
    struct list leases;
    uint32_t revoked_count; /* of them */
    uint32_t place;         /* among the members, while leases are assigned */
    bool changed;
};
struct lease {
    struct list
        node; /* of its owner's, or of the group's free ones (those that are done, too); or of those gone */
    struct group_lease values; /* without owner */
    struct member *owner;      /* NULL: nobody */
    struct lease *parents[2];  /* NULL: none, or not there any more */
    struct list changed;       /* of the group's: its row is to be written */
    bool listed;               /* by the list of shards that is being taken in */
};
struct group {
    struct group_head head;
    uint64_t now_ms; /* the latest that was handed in */
    struct list members;
    size_t member_count;
    struct list free_leases;
    struct lease **leases; /* all, by shard id */
    size_t lease_count;
    /* until the group is settled */
    struct list changed_leases, gone_members, gone_leases;
    bool head_changed, changed;
    bool
        known; /* the list of shards was seen since it was loaded: before, no parents are known, and nothing is given (G3) */
    bool unsettled; /* leases may have to be assigned anew */
};

struct member *group_find_member(const struct group *g, const char *name);
struct lease *group_find_lease(const struct group *g, const char *shard_id);
/* Nobody's from now on; G2: the next owner gets another epoch. */
void group_let_go(struct group *g, struct lease *l);
void group_lease_changed(struct group *g, struct lease *l);
/* Frees its leases; its row is to be removed. */
void group_drop_member(struct group *g, struct member *m);
/* Assigns leases if that may have become due. Without memory it stays due, for the next time. */
void group_assign(struct group *g);
/* Time goes on, who is silent is gone. */
void group_begin(struct group *g, uint64_t now_ms);
/* A copy of its values, with its owner's name. */
struct group_lease group_lease_values(const struct lease *l);
/* Whether `text` fits `room`, with its NUL; copies. */
bool group_copy_name(char *to, size_t room, const char *text);

#endif
