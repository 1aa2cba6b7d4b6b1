/* assign.h: who takes what: shares leases out among members. Pure.
 *
 * A1. Even: once nothing is revoked and nothing is free, two members that may take more differ by one lease at most.
 * A2. Nobody gets more than his leases_max; while the others cannot take them, leases stay free.
 * A3. Sticky: a lease moves only when its owner holds more than its share, and then as few as bring it to its share.
 * A4. A lease that has an owner is never given to another: it is revoked, and its owner lets it go first.
 *
 * Thread: any. */
#ifndef SLUICE_GROUPS_ASSIGN_H
#define SLUICE_GROUPS_ASSIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ASSIGN_NOBODY UINT32_MAX

struct assign_member {
    uint32_t leases_max;
    uint32_t held, kept, share; /* assign's own */
};
struct assign_lease {
    uint32_t owner; /* its place among the members, or ASSIGN_NOBODY: may then be set */
    bool revoked;   /* set, or taken back, of those that have an owner */
};
/* Of leases that may be worked on: those that have to wait, or are done, are left out. */
void assign(struct assign_member *members, uint32_t member_count, struct assign_lease *leases,
            uint32_t lease_count);

#endif
