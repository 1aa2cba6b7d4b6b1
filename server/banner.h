/* banner.h: what a start says to the person who started it. Pure: from facts to text. */
#ifndef SLUICE_SERVER_BANNER_H
#define SLUICE_SERVER_BANNER_H

#include "server/server.h"

enum { ENDPOINT_BYTES_MAX = 128, BANNER_BYTES_MAX = 16 * 1024 };

/* "http://127.0.0.1:4567": what a client on this machine sets as its endpoint. */
void banner_endpoint(const struct server_settings *s, uint16_t port, char out[ENDPOINT_BYTES_MAX]);
/* For stderr, at every start. With --dev also what to type next. */
void banner_print(const struct server_settings *s, const struct server_facts *facts,
                  struct buf *out);
/* For stdout, once: the first access key, as lines that a shell can source; and, when the port is
 * known, where to. */
void banner_root_key(const char *access_key, const char *secret, struct buf *out);
void banner_root_endpoint(const struct server_settings *s, const struct server_facts *facts,
                          struct buf *out);
/* The same in one line, for a log of JSON lines. */
void banner_line(const struct server_settings *s, const struct server_facts *facts,
                 struct buf *out);

#endif
