/* key_file.c: see key_file.h. */
#include "support/key_file.h"

#include "base/file.h"
#include "base/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void key_file_open(struct key_file *k, const char *text)
{
    struct fault f;
    snprintf(k->path, sizeof(k->path), "/tmp/sluice-keys-XXXXXX");
    int fd = mkstemp(k->path);
    must(fd >= 0 && close(fd) == 0);
    must(file_replace(k->path, bytes_text(text), &f) == OK);
    must(master_keys_open(k->path, false, &k->keys, &f) == OK);
}

void key_file_set(struct key_file *k, const char *text)
{
    struct fault f;
    must(file_replace(k->path, bytes_text(text), &f) == OK);
    must(master_keys_reload(k->keys, &f) == OK);
}

void key_file_close(struct key_file *k)
{
    master_keys_close(k->keys);
    unlink(k->path);
}
