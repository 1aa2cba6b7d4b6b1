/* server_keys.h: the access keys of a running server: durable in the catalog, in force in
 * api/keys.h. */
#ifndef SLUICE_SERVER_SERVER_KEYS_H
#define SLUICE_SERVER_SERVER_KEYS_H

#include "api/keys.h"
#include "server/admin.h"
#include "server/key_names.h"
#include "shards/catalog.h"

struct server_keys {
    struct admin_keys admin; /* hand out &k->admin */
    struct catalog *catalog;
    struct keys *keys;
    struct key_names names;
};

/* Takes over the keys that the catalog found: before its first command. Both must outlive it.
 * Thread: main, as for all calls through `admin`. */
void server_keys_init(struct server_keys *k, struct catalog *catalog, struct keys *keys);
void server_keys_fini(struct server_keys *k);

#endif
