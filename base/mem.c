/* mem.c: the one caller of malloc.
 *
 * Who may fail and who may not is told apart by name, so that a test can fail each mem_try in turn
 * (the linker wraps it) and see that the caller copes. A size of 0 still gives memory: NULL means
 * only that there was none.
 *
 * Thread: any. */
#include "base/mem.h"

#include "base/must.h"

#include <stdlib.h>
#include <string.h>

#ifndef __has_feature
#define __has_feature(what) 0 /* clang's; GCC has a macro */
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size)   ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

static size_t at_least_one(size_t size)
{
    return size == 0 ? 1 : size;
}

void *mem_must(size_t size)
{
    void *p = calloc(1, at_least_one(size));
    if (p == NULL)
        die("no memory for %zu bytes", size);
    return p;
}

void *mem_try(size_t size)
{
    return malloc(at_least_one(size));
}

void *mem_resize_try(void *old, size_t size)
{
    return realloc(old, at_least_one(size));
}

void *mem_resize_must(void *old, size_t size)
{
    void *p = realloc(old, at_least_one(size));
    if (p == NULL)
        die("no memory for %zu bytes", size);
    return p;
}

char *mem_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = mem_must(size);
    memcpy(copy, text, size);
    return copy;
}

void mem_free(void *p)
{
    free(p);
}

void mem_hide(void *at, size_t size)
{
    ASAN_POISON_MEMORY_REGION(at, size);
}

void mem_show(void *at, size_t size)
{
    ASAN_UNPOISON_MEMORY_REGION(at, size);
}
