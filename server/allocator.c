/* allocator.c: how jemalloc is to behave. Part of the program only where that is linked.
 *
 * A put makes and frees some two dozen small pieces of memory, most of them within libmicrohttpd and
 * LevelDB, some on one thread and some on another. jemalloc keeps enough of each size by thread, where
 * the C library's allocator goes to a shared heap and grows and shrinks that all the time: it saves a
 * tenth of a put's processor time. And it gives memory back by itself: the C library keeps what lies below
 * the last piece in use, 100 MiB and more after a burst.
 *
 *   background_thread   memory goes back even when no thread allocates any more
 *   dirty_decay_ms      how long freed pages are kept for the next use
 *   muzzy_decay_ms      0: then they leave the resident size, too, not just when the kernel is short
 *
 * MALLOC_CONF in the environment overrides it, word by word. Thread: jemalloc's own, which call nothing of ours. */
#include <jemalloc/jemalloc.h>

const char *malloc_conf = "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0";
