/* file.c: files and folders that must still be there, whole, after a crash.
 *
 * A file is replaced by writing a neighbour, syncing it, renaming it over the old one and syncing
 * the folder: whoever looks, whenever the power fails, finds the old content or the new. A name is
 * durable only once the folder that holds it is synced.
 *
 * I1. After OK from file_replace, folder_make or folder_remove, the change survives a power
 * failure.
 * I2. Every call that can fail is checked, close included: some file systems report a
 * failed write only there.
 *
 * Left to others: LevelDB's own files.
 * Thread: any. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024 };

enum status status_from_errno(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return NO_SPACE;
    case ENOENT:
        return NOT_FOUND;
    default:
        return IO_FAILED;
    }
}

/* Words errno: "cannot <verb> <path>: <why>". */
static enum status refused(struct fault *f, const char *verb, const char *path)
{
    return fault_set(f, status_from_errno(errno), "cannot %s %s: %m", verb, path);
}

/* I2: closes, unless fd is -1; the first failure is the one to tell. */
static enum status close_checked(int fd, enum status st, const char *path, struct fault *f)
{
    /* On Linux the descriptor is gone even after EINTR. */
    if (fd < 0 || close(fd) == 0 || errno == EINTR || st != OK)
        return st;
    return refused(f, "close", path);
}

enum status file_read_at(int fd, const char *path, uint64_t at, void *to, size_t len, size_t *got,
                         struct fault *f)
{
    *got = 0;
    while (*got < len) {
        ssize_t n = pread(fd, (uint8_t *)to + *got, len - *got, (off_t)(at + *got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return refused(f, "read", path);
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return OK;
}

static enum status read_all(int fd, const char *path, struct buf *out, struct fault *f)
{
    for (;;) {
        size_t left = out->ceiling - out->len;
        /* One byte over a full buf tells the end of the file from a file too large. */
        uint8_t beyond;
        size_t want = left > READ_BYTES ? READ_BYTES : left;
        uint8_t *to = left == 0 ? &beyond : buf_reserve(out, want);
        if (to == NULL)
            return fault_set(f, out->status, "no memory to read %s", path);
        ssize_t got = read(fd, to, left == 0 ? 1 : want);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return refused(f, "read", path);
        if (got == 0)
            return OK;
        if (left == 0)
            return fault_set(f, TOO_LARGE, "%s is larger than the most allowed, %zu bytes", path,
                             out->ceiling);
        buf_add(out, (size_t)got);
    }
}

static enum status check_private(int fd, const char *path, struct fault *f)
{
    struct stat facts;
    if (fstat(fd, &facts) != 0)
        return refused(f, "look at", path);
    if (facts.st_mode & (S_IRWXG | S_IRWXO))
        return fault_set(f, ACCESS_DENIED, "%s can be used by others: chmod 600 %s", path, path);
    return OK;
}

static enum status read_file(const char *path, bool private, struct buf *out, struct fault *f)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return refused(f, "open", path);
    enum status st = private ? check_private(fd, path, f) : OK;
    if (st == OK)
        st = read_all(fd, path, out, f);
    return close_checked(fd, st, path, f);
}

enum status file_read(const char *path, struct buf *out, struct fault *f)
{
    return read_file(path, false, out, f);
}

enum status file_read_private(const char *path, struct buf *out, struct fault *f)
{
    return read_file(path, true, out, f);
}

static enum status write_all(int fd, const char *path, struct bytes content, struct fault *f)
{
    for (size_t done = 0; done < content.len;) {
        ssize_t written = write(fd, content.at + done, content.len - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return refused(f, "write", path);
        done += (size_t)written;
    }
    return fsync(fd) == 0 ? OK : refused(f, "sync", path);
}

static enum status write_new(const char *path, struct bytes content, struct fault *f)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return refused(f, "create", path);
    enum status st = OK;
    if (fchmod(fd, 0600) != 0) /* one left behind by a crash may have been made with other rights */
        st = refused(f, "set the rights of", path);
    if (st == OK)
        st = write_all(fd, path, content, f);
    return close_checked(fd, st, path, f);
}

/* The folder that holds the last component of path. */
static enum status parent_of(const char *path, char out[PATH_MAX], struct fault *f)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    while (length > 0 && path[length - 1] != '/')
        length--;
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (length >= PATH_MAX)
        return fault_set(f, TOO_LARGE, "path too long: %s", path);
    if (length == 0) {
        out[0] = '.';
        length = 1;
    } else {
        memcpy(out, path, length);
    }
    out[length] = '\0';
    return OK;
}

static enum status parent_sync(const char *path, struct fault *f)
{
    char parent[PATH_MAX];
    enum status st = parent_of(path, parent, f);
    return st == OK ? folder_sync(parent, f) : st;
}

enum status file_replace(const char *path, struct bytes content, struct fault *f)
{
    char fresh[PATH_MAX];
    int length = snprintf(fresh, sizeof(fresh), "%s.new", path);
    if (length < 0 || (size_t)length >= sizeof(fresh))
        return fault_set(f, TOO_LARGE, "path too long: %s", path);
    enum status st = write_new(fresh, content, f);
    if (st == OK && rename(fresh, path) != 0)
        st = refused(f, "rename a new file to", path);
    if (st != OK) {
        unlink(fresh); /* its failure tells nothing that the first did not */
        return st;
    }
    return parent_sync(path, f); /* I1 */
}

enum status folder_sync(const char *path, struct fault *f)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return refused(f, "open folder", path);
    enum status st = fsync(fd) == 0 ? OK : refused(f, "sync folder", path);
    return close_checked(fd, st, path, f);
}

enum status folder_make(const char *path, struct fault *f)
{
    struct stat about;
    if (mkdir(path, 0700) != 0) {
        if (errno != EEXIST)
            return refused(f, "make folder", path);
        if (stat(path, &about) != 0)
            return refused(f, "look at", path);
        if (!S_ISDIR(about.st_mode))
            return fault_set(f, IN_USE, "cannot make folder %s: there is a file of that name",
                             path);
    }
    /* Also when it was there: whoever made it may have crashed before its own sync. */
    return parent_sync(path, f);
}

static enum status remove_files(DIR *folder, const char *path, struct fault *f)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL)
            return errno == 0 ? OK : refused(f, "list folder", path);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(folder), entry->d_name, 0) != 0 && errno != ENOENT)
            return fault_set(f, status_from_errno(errno), "cannot remove %s/%s: %m", path,
                             entry->d_name);
    }
}

enum status folder_remove(const char *path, struct fault *f)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        return errno == ENOENT ? OK : refused(f, "open folder", path);
    enum status st = remove_files(folder, path, f);
    if (closedir(folder) != 0 && st == OK)
        st = refused(f, "close folder", path);
    if (st == OK && rmdir(path) != 0 && errno != ENOENT)
        st = refused(f, "remove folder", path);
    return st == OK ? parent_sync(path, f) : st;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

enum status file_lock(const char *path, int *fd, struct fault *f)
{
    *fd = -1;
    int opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (opened < 0)
        return refused(f, "open", path);
    if (flock(opened, LOCK_EX | LOCK_NB) == 0) {
        *fd = opened;
        return OK;
    }
    enum status st = errno == EWOULDBLOCK
                         ? fault_set(f, IN_USE, "%s is locked by another process", path)
                         : refused(f, "lock", path);
    return close_checked(opened, st, path, f);
}

enum status disk_space(const char *path, uint64_t *free_bytes, uint64_t *size_bytes,
                       struct fault *f)
{
    struct statvfs about;
    if (statvfs(path, &about) != 0)
        return refused(f, "ask how full the disk is under", path);
    *free_bytes = (uint64_t)about.f_bavail * about.f_frsize;
    *size_bytes = (uint64_t)about.f_blocks * about.f_frsize;
    return OK;
}
