/* data_folder.c: the data folder, its lock and its paths.
 *
 * The lock is flock's: it goes when its holder does, however it ends, so a crash leaves nothing to
 * clean up. The process number in the file is only for the sentence that a second server prints.
 *
 * I1. While a folder is open nobody else has it open.
 *
 * Thread: main. */
#include "server/data_folder.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *path_in(const char *folder, const char *name)
{
    size_t len = strlen(folder) + 1 + strlen(name) + 1;
    char *path = mem_must(len);
    snprintf(path, len, "%s/%s", folder, name);
    return path;
}

static enum status in_use(const char *folder, const char *lock, struct fault *f)
{
    struct buf pid;
    buf_init(&pid, 32);
    uint64_t number = 0;
    if (file_read(lock, &pid, NULL) != OK || !bytes_to_u64(bytes_trim(buf_view(&pid)), &number))
        number = 0;
    buf_fini(&pid);
    if (number == 0)
        return fault_set(f, IN_USE, "another sluice serves the folder %s", folder);
    return fault_set(f, IN_USE, "another sluice serves the folder %s: process %llu", folder,
                     (unsigned long long)number);
}

static enum status take_lock(struct data_folder *d, struct fault *f)
{
    char *lock = path_in(d->path, "LOCK"), pid[32];
    enum status st = file_lock(lock, &d->lock_fd, f);
    if (st == IN_USE)
        st = in_use(d->path, lock, f);
    mem_free(lock);
    if (st != OK)
        return st;
    int len = snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    if (ftruncate(d->lock_fd, 0) != 0 || pwrite(d->lock_fd, pid, (size_t)len, 0) != len)
        return fault_set(f, status_from_errno(errno), "%s/LOCK: %s", d->path, strerror(errno));
    return OK;
}

enum status data_folder_open(struct data_folder *d, const char *path, struct fault *f)
{
    char absolute[PATH_MAX];
    *d = (struct data_folder){.lock_fd = -1};
    if (!realpath(path, absolute))
        return fault_set(f, status_from_errno(errno), "the data folder %s: %s", path,
                         strerror(errno));
    d->path = mem_strdup(absolute);
    d->catalog = path_in(absolute, "catalog");
    d->log = path_in(absolute, "log");
    d->delivery = path_in(absolute, "delivery");
    d->groups = path_in(absolute, "groups");
    d->tls = path_in(absolute, "tls");
    d->master_keys = path_in(absolute, "master-keys");
    return take_lock(d, f);
}

enum status data_folder_open_or_make(struct data_folder *d, const char *path, struct fault *f)
{
    *d = (struct data_folder){.lock_fd = -1};
    enum status st = folder_make(path, f);
    if (st == OK)
        st = data_folder_open(d, path, f);
    if (st == OK)
        st = folder_make(d->log, f);
    return st;
}

void data_folder_close(struct data_folder *d)
{
    if (!d->path)
        return;
    if (d->lock_fd >= 0)
        close(d->lock_fd);
    mem_free(d->path);
    mem_free(d->catalog);
    mem_free(d->log);
    mem_free(d->delivery);
    mem_free(d->groups);
    mem_free(d->tls);
    mem_free(d->master_keys);
    *d = (struct data_folder){.lock_fd = -1};
}
