/* key.h: the partition key of a line, as the options say. Thread: main. */
#ifndef SLUICE_CLI_KEY_H
#define SLUICE_CLI_KEY_H

#include "base/buf.h"
#include "cli/session.h"

enum key_kind { KEY_OWN, KEY_FIXED, KEY_COLUMN, KEY_MEMBER, KEY_JQ };

struct jq_state;

struct key {
    enum key_kind kind;
    bool must_be_json;
    const char *text; /* the fixed key, or the member */
    uint64_t column;  /* from 1 */
    const char *separator;
    struct jq_state *jq;
    uint64_t base, count; /* of keys of a line's own */
    struct buf room;      /* the latest key */
};

/* CLI_DONE, or it said why. */
enum cli_exit key_init(struct key *k, const struct invocation *words);
/* NULL: *key lives until the next call. Otherwise why there is none. */
const char *key_of(struct key *k, struct bytes line, struct bytes *key);
void key_fini(struct key *k);

#endif
