/* store_spares.h: write-ahead logs that nobody needs any more, kept to be written over. */
#ifndef SLUICE_SHARDS_STORE_SPARES_H
#define SLUICE_SHARDS_STORE_SPARES_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { STORE_SPARES_MAX = 4, SPARE_PATH_BYTES = 640 };
#define STORE_SPARES_BYTES_MAX (UINT64_C(256) << 20)

/* U1. A file in the spares' folder is nobody's log; and what is taken from it has no other name.
 * U2. A file is given away only once its old name is gone for good: no crash can leave one file with two
 * names.
 * U3. At most STORE_SPARES_MAX files are kept, of STORE_SPARES_BYTES_MAX together; none after
 * store_spares_allow(false), at start and at the end.
 * U4. What goes wrong here costs a spare, never a log.
 *
 * Thread: any. */
struct store_spares;
/* Makes the folder, or empties it. */
enum status store_spares_open(const char *folder, struct store_spares **out,
                              struct fault *f) MUST_USE;
void store_spares_close(struct store_spares *s); /* NULL is fine */
/* The path of a file to write over; false: of one to be made. It is the caller's until
 * store_spares_place. */
bool store_spares_take(struct store_spares *s, char path[SPARE_PATH_BYTES]);
/* Renames what was taken to `path`, durably. */
enum status store_spares_place(struct store_spares *s, const char *taken, const char *path,
                               struct fault *f) MUST_USE;
/* A log that nobody needs becomes a spare, or is removed. */
enum status store_spares_keep(struct store_spares *s, const char *path, struct fault *f) MUST_USE;
/* Whether any are kept from now on; if not, those there are go. */
void store_spares_allow(struct store_spares *s, bool allowed);
/* What they hold of the disk. */
uint64_t store_spares_bytes(struct store_spares *s);

#ifdef __cplusplus
}
#endif

#endif
