/* data_folder.h: the data folder: made, locked, and where everything in it stands.
 *
 *   LOCK         held by whoever serves the folder; its content is the holder's process number
 *   admin.sock   see admin.h
 *   catalog/     streams, shards, access keys              log/     the records
 *   delivery/    delivery streams, and how far they are    groups/  consumer groups
 *   tls/         the local CA and the server's certificate
 *   master-keys  the keys of encrypted streams, unless the operator has a file of his own
 */
#ifndef SLUICE_SERVER_DATA_FOLDER_H
#define SLUICE_SERVER_DATA_FOLDER_H

#include "base/status.h"

struct data_folder {
    char *path; /* absolute */
    char *catalog, *log, *delivery, *groups, *tls, *master_keys;
    int lock_fd;
};

/* The folder must be there already. IN_USE when another process serves it, with that process's
 * number. */
enum status data_folder_open(struct data_folder *d, const char *path, struct fault *f) MUST_USE;
/* Makes the folder, and log/ in it, if missing; else as data_folder_open. */
enum status data_folder_open_or_make(struct data_folder *d, const char *path,
                                     struct fault *f) MUST_USE;
/* One that was never opened must be zeroed. */
void data_folder_close(struct data_folder *d);

#endif
