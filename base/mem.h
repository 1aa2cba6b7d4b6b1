/* mem.h: heap memory. The only caller of malloc in the program.
 *
 * mem_must is for small, fixed allocations of our own: it dies when there is none. mem_try is for
 * whatever a request or stored data sizes: it returns NULL, and the caller answers NO_MEMORY.
 * Torture tests fail each mem_try in turn. */
#ifndef SLUICE_BASE_MEM_H
#define SLUICE_BASE_MEM_H

#include <stddef.h>
#include <string.h>

void *mem_must(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1))); /* zeroed */
void *mem_try(size_t size)
    __attribute__((malloc, warn_unused_result, alloc_size(1))); /* not zeroed */
void *mem_resize_try(void *old, size_t size)
    __attribute__((warn_unused_result, alloc_size(2))); /* old stays valid on NULL */
void *mem_resize_must(void *old, size_t size)
    __attribute__((returns_nonnull, alloc_size(2))); /* for libraries that cannot bear a NULL */
char *mem_strdup(const char *text)
    __attribute__((malloc, returns_nonnull)); /* dies when there is none */
void mem_free(void *p);

/* For memory that its owner keeps to use again: AddressSanitizer reports whoever touches it between these. */
void mem_hide(void *at, size_t size);
void mem_show(void *at, size_t size);

#define MEM_NEW(type) ((type *)mem_must(sizeof(type)))

/* mem_try, zeroed. */
static inline void *mem_zero_try(size_t size)
{
    void *p = mem_try(size);
    return p == NULL ? NULL : memset(p, 0, size);
}
#define MEM_TRY_NEW(type) ((type *)mem_zero_try(sizeof(type)))

#endif
