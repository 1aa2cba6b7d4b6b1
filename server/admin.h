/* admin.h: how a command line on the same machine asks the running server: a socket in the data
 * folder, one line of JSON a question, one line of JSON an answer.
 *
 *   {"command": "keys-add",                       {"access_key": "AKIA...",
 *    "account": "123456789012"}                    "secret": "..."}
 *   {"command": "keys-list"}                      {"keys": [{"access_key": "AKIA...",
 *                                                            "account": "123456789012"}, ...]}
 *   {"command": "keys-remove",                    {}
 *    "access_key": "AKIA...", "force": false}
 *   anything that fails                           {"error": "a sentence"}
 *
 * No account, or "", is the default one. */
#ifndef SLUICE_SERVER_ADMIN_H
#define SLUICE_SERVER_ADMIN_H

#include "base/buf.h"
#include "base/loop.h"

enum { ADMIN_LINE_BYTES_MAX = 4096, ADMIN_ANSWER_BYTES_MAX = 1 << 20, ADMIN_PEERS_MAX = 8 };

/* Who keeps the access keys: the server's catalog (server_keys.c), or the rows of a folder that
 * nobody serves (keys_command.c). Blocks until it is durable. Thread: one, the main thread. */
struct admin_keys {
    enum status (*add)(struct admin_keys *, struct bytes access_key, struct bytes secret,
                       struct bytes account, struct fault *f);
    /* NOT_FOUND: there is no such key. */
    enum status (*remove)(struct admin_keys *, struct bytes access_key, struct fault *f);
    size_t (*count)(struct admin_keys *);
    /* 0 <= index < count; in order of name. */
    const char *(*name)(struct admin_keys *, size_t index);
    const char *(*account)(struct admin_keys *, size_t index); /* "": the default one */
};

/* Answers one question, without its newline: whatever the bytes, one line with its newline goes to
 * `out`. The last key is not removed unless "force" is true. */
void admin_answer(struct admin_keys *keys, struct bytes question, struct buf *out);

struct admin;
/* Listens at folder/admin.sock (0600); whose user is neither ours nor root is turned away. A socket
 * left by a server that died is replaced: the folder's lock must be held. Thread: the loop's. */
enum status admin_open(const char *folder, struct loop *loop, struct admin_keys *keys,
                       struct admin **out, struct fault *f) MUST_USE;
void admin_close(struct admin *a);

/* Asks the server of that folder. `question` is one line without its newline; the answer is
 * appended to `answer`, likewise. NOT_FOUND: nobody listens there. Blocks. */
enum status admin_ask(const char *folder, struct bytes question, struct buf *answer,
                      struct fault *f) MUST_USE;

#endif
