/* file.h: the few things done to files and folders outside LevelDB. Paths are NUL-terminated. */
#ifndef SLUICE_BASE_FILE_H
#define SLUICE_BASE_FILE_H

#include "base/buf.h"
#include "base/status.h"

#include <stdbool.h>

/* Reads all of it; TOO_LARGE when over the buf's ceiling, NOT_FOUND when there is none. */
enum status file_read(const char *path, struct buf *out, struct fault *f) MUST_USE;
/* The same of a file that nobody else may read: ACCESS_DENIED when others than its owner may. */
enum status file_read_private(const char *path, struct buf *out, struct fault *f) MUST_USE;
/* Reads from offset `at`; less than `len` only where the file ends. `path` is for words. */
enum status file_read_at(int fd, const char *path, uint64_t at, void *to, size_t len, size_t *got,
                         struct fault *f) MUST_USE;
/* Atomic and durable: writes path.new, syncs, renames, syncs the folder. Mode 0600. */
enum status file_replace(const char *path, struct bytes content, struct fault *f) MUST_USE;
/* mkdir 0700 of the last component, durable in its parent; fine if it is there already. */
enum status folder_make(const char *path, struct fault *f) MUST_USE;
enum status folder_sync(const char *path, struct fault *f) MUST_USE;
/* Removes a folder and the plain files in it; fine if it is not there. */
enum status folder_remove(const char *path, struct fault *f) MUST_USE;
bool file_exists(const char *path);
/* Takes an exclusive lock on path (made if missing, 0600). *fd stays open as long as the lock is
 * held. IN_USE when another process holds it. */
enum status file_lock(const char *path, int *fd, struct fault *f) MUST_USE;
/* errno as a status: ENOSPC and EDQUOT are NO_SPACE, ENOENT NOT_FOUND, the rest IO_FAILED. */
enum status status_from_errno(int error);
/* Bytes free to us, and the size, of the file system that holds path. */
enum status disk_space(const char *path, uint64_t *free_bytes, uint64_t *size_bytes,
                       struct fault *f) MUST_USE;

#endif
