/* socket.h: what can be asked of a client's socket. Thread: any. */
#ifndef SLUICE_API_SOCKET_H
#define SLUICE_API_SOCKET_H

#include "api/network_internal.h"

enum { PEER_BYTES = INET6_ADDRSTRLEN + 10 };

/* "127.0.0.1:50312" or "[::1]:50312", and its length. */
size_t socket_peer(const union network_address *address, char out[PEER_BYTES]);
/* How many bytes the client's side has said that it has, so far. */
uint64_t socket_acknowledged(int fd);

#endif
