/* admin_internal.h: what both ends of the admin socket share. */
#ifndef SLUICE_SERVER_ADMIN_INTERNAL_H
#define SLUICE_SERVER_ADMIN_INTERNAL_H

#include "base/status.h"

#include <sys/un.h>

/* Opens `folder` and writes the socket's address into *address: by the open folder's descriptor,
 * since a socket's path has room for 107 bytes only and a folder's may be longer. Close *fd when
 * done. */
enum status admin_address(const char *folder, int *fd, struct sockaddr_un *address,
                          struct fault *f) MUST_USE;

#endif
