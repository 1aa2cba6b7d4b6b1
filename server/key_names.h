/* key_names.h: the names of the access keys and their accounts, in order of name; for whoever implements struct admin_keys.
 * Not for threads. */
#ifndef SLUICE_SERVER_KEY_NAMES_H
#define SLUICE_SERVER_KEY_NAMES_H

#include "base/bytes.h"
#include "base/status.h"
#include "shards/scope.h"

enum {
    KEY_NAMES_MAX = 1000
}; /* one a person or program; a listing of them stays well under ADMIN_ANSWER_BYTES_MAX */

struct key_name {
    char *name;
    char account[ACCOUNT_BYTES]; /* "": the default one */
};

struct key_names {
    struct key_name *at;
    size_t count;
};

void key_names_init(struct key_names *n);
void key_names_fini(struct key_names *n);
/* Fine if it is there: the account is then the new one. LIMIT_EXCEEDED when there are KEY_NAMES_MAX. */
enum status key_names_add(struct key_names *n, struct bytes name, struct bytes account,
                          struct fault *f) MUST_USE;
bool key_names_has(const struct key_names *n, struct bytes name);
void key_names_remove(struct key_names *n, struct bytes name);

#endif
