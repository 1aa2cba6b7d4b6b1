/* store_frame_file.h: files of frames (store_frame.h): written, and read as the log that they hold.
 *
 * For C++, too: store_env.cc hands these to LevelDB. */
#ifndef SLUICE_SHARDS_STORE_FRAME_FILE_H
#define SLUICE_SHARDS_STORE_FRAME_FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct frame_scan;
struct store_spares;

/* Calls `see` with each block of the file, up to `blocks_max`; bytes behind the last whole block come
 * as a block that zeros fill up. */
typedef void frame_block_fn(void *arg, uint32_t at, const uint8_t *block);
enum status frame_each_block(int fd, const char *path, uint32_t blocks_max, frame_block_fn *see,
                             void *arg, struct fault *f) MUST_USE;
/* Reads the file through. `out->framed`: frames; else `out->strange`: frames that lost both heads; else a log
 * as LevelDB writes it. IO_FAILED, NO_MEMORY. */
enum status frame_survey(int fd, const char *path, struct frame_scan *out,
                         struct fault *f) MUST_USE;

/* The log that whole frames hold, from its beginning. */
struct frame_reader;
/* END: these are not frames. CORRUPT: damaged, by F3. NOT_FOUND. */
enum status frame_reader_open(const char *path, struct frame_reader **out,
                              struct fault *f) MUST_USE;
/* Less than `len` only at the log's end. With to == NULL, bytes are passed over. */
enum status frame_reader_read(struct frame_reader *r, char *to, size_t len, size_t *got,
                              struct fault *f) MUST_USE;
void frame_reader_close(struct frame_reader *r);

/* A log being written. The file is taken from the spares and gets its name, durably, at the first
 * append: LevelDB opens more logs than it writes to.
 *
 * R1. frame_writer_sync answers OK only when all that was appended is durable, under the log's name.
 * R2. A frame's block is written once: what was synced is never written over.
 * R3. After a failure the writer is failed: nothing more is written, every call answers the same.
 * R4. When `at_flush`, frame_writer_flush has handed all to the kernel: it outlives the process. */
struct frame_writer;
/* A file with that path is removed. */
enum status frame_writer_open(const char *path, struct store_spares *spares, bool at_flush,
                              struct frame_writer **out, struct fault *f) MUST_USE;
enum status frame_writer_append(struct frame_writer *w, const char *data, size_t len,
                                struct fault *f) MUST_USE;
enum status frame_writer_flush(struct frame_writer *w, struct fault *f) MUST_USE;
enum status frame_writer_sync(struct frame_writer *w, struct fault *f) MUST_USE;
/* Hands what is left to the kernel, unless it failed. Frees w, whatever it answers. */
enum status frame_writer_close(struct frame_writer *w, struct fault *f) MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
