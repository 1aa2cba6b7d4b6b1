/* key_names.h: the names of the access keys, in order; for whoever implements struct admin_keys.
 * Not for threads. */
#ifndef SLUICE_SERVER_KEY_NAMES_H
#define SLUICE_SERVER_KEY_NAMES_H

#include "base/bytes.h"
#include "base/status.h"

enum {
    KEY_NAMES_MAX = 1000
}; /* one a person or program; a listing of them stays well under ADMIN_ANSWER_BYTES_MAX */

struct key_names {
    char **names;
    size_t count;
};

void key_names_init(struct key_names *n);
void key_names_fini(struct key_names *n);
/* Fine if it is there. LIMIT_EXCEEDED when there are KEY_NAMES_MAX. */
enum status key_names_add(struct key_names *n, struct bytes name, struct fault *f) MUST_USE;
bool key_names_has(const struct key_names *n, struct bytes name);
void key_names_remove(struct key_names *n, struct bytes name);

#endif
