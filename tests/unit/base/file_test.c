/* file_test.c: files and folders, with system calls that fail on demand. */
/* link: -Wl,--wrap=fsync -Wl,--wrap=write -Wl,--wrap=rename -Wl,--wrap=close -Wl,--wrap=read */
#include "base/file.h"
#include "unit/base/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int __real_fsync(int fd);
int __wrap_fsync(int fd);
ssize_t __real_write(int fd, const void *at, size_t len);
ssize_t __wrap_write(int fd, const void *at, size_t len);
ssize_t __real_read(int fd, void *at, size_t len);
ssize_t __wrap_read(int fd, void *at, size_t len);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_close(int fd);
int __wrap_close(int fd);

/* Calls are counted; the one of number `fail_at` fails with `fail_with`. */
static int calls, fail_at, fail_with;
static bool short_steps; /* write and read move at most 3 bytes, and are interrupted now and then */
static int folders_synced;

static bool fails(void)
{
    if (++calls != fail_at)
        return false;
    errno = fail_with;
    return true;
}

static bool interrupted(void)
{
    static unsigned turn;
    if (!short_steps || ++turn % 3 != 0)
        return false;
    errno = EINTR;
    return true;
}

int __wrap_fsync(int fd)
{
    struct stat about;
    if (fails())
        return -1;
    folders_synced += fstat(fd, &about) == 0 && S_ISDIR(about.st_mode);
    return __real_fsync(fd);
}

ssize_t __wrap_write(int fd, const void *at, size_t len)
{
    if (fd <= STDERR_FILENO)
        return __real_write(fd, at, len);
    if (fails() || interrupted())
        return -1;
    return __real_write(fd, at, short_steps && len > 3 ? 3 : len);
}

ssize_t __wrap_read(int fd, void *at, size_t len)
{
    if (fails() || interrupted())
        return -1;
    return __real_read(fd, at, short_steps && len > 3 ? 3 : len);
}

int __wrap_rename(const char *from, const char *to)
{
    return fails() ? -1 : __real_rename(from, to);
}

int __wrap_close(int fd)
{
    int result = __real_close(fd);
    return fails() ? -1 : result;
}

static char folder[] = "/tmp/file_test.XXXXXX", path[PATH_MAX], fresh_path[PATH_MAX];
static struct fault f;
static struct buf content;

static int set_up(void **state)
{
    (void)state;
    memcpy(strrchr(folder, '.'), ".XXXXXX", 7);
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/file", folder);
    snprintf(fresh_path, sizeof(fresh_path), "%s/file.new", folder);
    buf_init(&content, 1000);
    calls = fail_at = folders_synced = 0;
    short_steps = false;
    memset(&f, 0, sizeof(f));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fail_at = 0;
    buf_fini(&content);
    return folder_remove(folder, &f) == OK ? 0 : -1;
}

static void assert_content(const char *expected)
{
    buf_clear(&content);
    assert_int_equal(file_read(path, &content, &f), OK);
    assert_true(bytes_equal(buf_view(&content), bytes_text(expected)));
}

static void a_replaced_file_reads_back(void **state)
{
    (void)state;
    assert_false(file_exists(path));
    assert_int_equal(file_replace(path, BYTES_LITERAL("first"), &f), OK);
    assert_true(file_exists(path));
    assert_content("first");
    assert_int_equal(file_replace(path, BYTES_LITERAL("2"), &f), OK);
    assert_content("2");
    assert_int_equal(file_replace(path, BYTES_NONE, &f), OK);
    assert_content("");
    assert_false(file_exists(fresh_path));
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    assert_int_equal(folders_synced, 3);
}

static void short_and_interrupted_calls_are_continued(void **state)
{
    (void)state;
    short_steps = true;
    assert_int_equal(file_replace(path, BYTES_LITERAL("the whole of it"), &f), OK);
    assert_content("the whole of it");
}

static void a_failure_at_any_call_leaves_the_old_content_or_the_new(void **state)
{
    (void)state;
    for (fail_with = EIO;; fail_with = ENOSPC) {
        int survived = 0;
        for (int at = 1; survived == 0; at++) {
            fail_at = 0;
            assert_int_equal(file_replace(path, BYTES_LITERAL("old"), &f), OK);
            calls = 0;
            fail_at = at;
            enum status st = file_replace(path, BYTES_LITERAL("new"), &f);
            bool failed = calls >= at;
            fail_at = 0;
            /* write, fsync and close of the file, rename; then fsync and close of the folder */
            assert_int_equal(failed, at <= 6);
            assert_int_equal(st, !failed ? OK : fail_with == ENOSPC ? NO_SPACE : IO_FAILED);
            assert_content(at <= 4 ? "old" : "new");
            assert_false(file_exists(fresh_path));
            survived = !failed;
        }
        if (fail_with == ENOSPC)
            break;
    }
}

static void a_leftover_of_a_crash_does_no_harm(void **state)
{
    (void)state;
    int fd = open(fresh_path, O_CREAT | O_WRONLY, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "half of a longer one", 20), 20);
    close(fd);
    assert_int_equal(file_replace(path, BYTES_LITERAL("new"), &f), OK);
    assert_content("new");
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
}

static void a_missing_file_is_not_found(void **state)
{
    (void)state;
    assert_int_equal(file_read(path, &content, &f), NOT_FOUND);
    assert_non_null(strstr(f.text, path));
    assert_non_null(strstr(f.text, "No such file"));
}

static void a_file_may_be_as_large_as_the_ceiling_and_no_larger(void **state)
{
    (void)state;
    uint8_t data[1001];
    memset(data, 'x', sizeof(data));
    assert_int_equal(file_replace(path, bytes_of(data, 1000), &f), OK);
    assert_int_equal(file_read(path, &content, &f), OK);
    assert_int_equal(content.len, 1000);
    assert_int_equal(file_replace(path, bytes_of(data, 1001), &f), OK);
    buf_clear(&content);
    assert_int_equal(file_read(path, &content, &f), TOO_LARGE);
}

static void a_read_that_fails_is_a_fault(void **state)
{
    (void)state;
    assert_int_equal(file_replace(path, BYTES_LITERAL("x"), &f), OK);
    calls = 0;
    fail_at = 1;
    fail_with = EIO;
    assert_int_equal(file_read(path, &content, &f), IO_FAILED);
    assert_non_null(strstr(f.text, "cannot read "));
    fail_at = 0;
    assert_int_equal(file_read(folder, &content, &f), IO_FAILED);
}

static void a_folder_is_made_once_and_durably(void **state)
{
    (void)state;
    assert_int_equal(folder_make(path, &f), OK);
    assert_int_equal(folders_synced, 1);
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_true(S_ISDIR(about.st_mode));
    assert_int_equal(about.st_mode & 07777, 0700);
    assert_int_equal(folder_make(path, &f), OK);
    assert_int_equal(folders_synced, 2);
    memcpy(path + strlen(path), "//", 3);
    assert_int_equal(folder_make(path, &f), OK);
    assert_int_equal(folder_remove(path, &f), OK);
    assert_int_equal(folder_remove(path, &f), OK);
    assert_false(file_exists(path));
}

static void a_folder_is_not_made_over_a_file_or_without_a_parent(void **state)
{
    (void)state;
    assert_int_equal(file_replace(path, BYTES_LITERAL("x"), &f), OK);
    assert_int_equal(folder_make(path, &f), IN_USE);
    memcpy(path + strlen(path), "s/inner", 8);
    assert_int_equal(folder_make(path, &f), NOT_FOUND);
}

static void a_folder_goes_with_its_files_but_not_with_folders(void **state)
{
    (void)state;
    char inner[PATH_MAX + 16];
    assert_int_equal(folder_make(path, &f), OK);
    for (int i = 0; i < 20; i++) {
        snprintf(inner, sizeof(inner), "%s/%d", path, i);
        assert_int_equal(file_replace(inner, BYTES_LITERAL("x"), &f), OK);
    }
    assert_int_equal(folder_remove(path, &f), OK);
    assert_false(file_exists(path));
    assert_int_equal(folder_make(path, &f), OK);
    snprintf(inner, sizeof(inner), "%s/inner", path);
    assert_int_equal(folder_make(inner, &f), OK);
    assert_int_equal(folder_remove(path, &f), IO_FAILED);
    assert_true(file_exists(inner));
    assert_int_equal(folder_remove(inner, &f), OK);
    assert_int_equal(folder_remove(path, &f), OK);
}

static void a_lock_is_held_by_one(void **state)
{
    (void)state;
    int first, second;
    assert_int_equal(file_lock(path, &first, &f), OK);
    assert_true(first >= 0);
    assert_int_equal(file_lock(path, &second, &f), IN_USE);
    assert_int_equal(second, -1);
    assert_non_null(strstr(f.text, "is locked by another process"));
    close(first);
    assert_int_equal(file_lock(path, &second, &f), OK);
    close(second);
}

static void error_numbers_become_statuses(void **state)
{
    (void)state;
    assert_int_equal(status_from_errno(ENOSPC), NO_SPACE);
    assert_int_equal(status_from_errno(EDQUOT), NO_SPACE);
    assert_int_equal(status_from_errno(ENOENT), NOT_FOUND);
    assert_int_equal(status_from_errno(EIO), IO_FAILED);
    assert_int_equal(status_from_errno(EACCES), IO_FAILED);
}

static void the_disk_tells_its_size(void **state)
{
    (void)state;
    uint64_t free_bytes = 0, size_bytes = 0;
    assert_int_equal(disk_space(folder, &free_bytes, &size_bytes, &f), OK);
    assert_true(size_bytes > 0);
    assert_true(free_bytes <= size_bytes);
    assert_int_equal(disk_space("/no/such/folder", &free_bytes, &size_bytes, &f), NOT_FOUND);
}

static void a_private_file_is_its_owners_alone(void **state)
{
    (void)state;
    struct buf got;
    char secret[PATH_MAX];
    snprintf(secret, sizeof(secret), "%s/private", folder);
    buf_init(&got, 100);
    assert_int_equal(file_read_private(secret, &got, &f), NOT_FOUND);
    assert_int_equal(file_replace(secret, BYTES_LITERAL("secret"), &f), OK);
    assert_int_equal(file_read_private(secret, &got, &f), OK);
    assert_true(bytes_equal(buf_view(&got), BYTES_LITERAL("secret")));
    for (mode_t bit = S_IXOTH; bit <= S_IRGRP; bit <<= 1) {
        assert_int_equal(chmod(secret, 0600 | bit), 0);
        buf_clear(&got);
        assert_int_equal(file_read_private(secret, &got, &f), ACCESS_DENIED);
        assert_int_equal(got.len, 0);
    }
    buf_fini(&got);
}

static void a_path_too_long_is_refused(void **state)
{
    (void)state;
    static char longest[PATH_MAX + 10];
    memset(longest, 'x', sizeof(longest) - 1);
    assert_int_equal(file_replace(longest, BYTES_LITERAL("x"), &f), TOO_LARGE);
    assert_int_equal(folder_make(longest, &f), IO_FAILED);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_replaced_file_reads_back),
        IN_FOLDER(short_and_interrupted_calls_are_continued),
        IN_FOLDER(a_failure_at_any_call_leaves_the_old_content_or_the_new),
        IN_FOLDER(a_leftover_of_a_crash_does_no_harm),
        IN_FOLDER(a_missing_file_is_not_found),
        IN_FOLDER(a_file_may_be_as_large_as_the_ceiling_and_no_larger),
        IN_FOLDER(a_read_that_fails_is_a_fault),
        IN_FOLDER(a_folder_is_made_once_and_durably),
        IN_FOLDER(a_folder_is_not_made_over_a_file_or_without_a_parent),
        IN_FOLDER(a_folder_goes_with_its_files_but_not_with_folders),
        IN_FOLDER(a_lock_is_held_by_one),
        IN_FOLDER(error_numbers_become_statuses),
        IN_FOLDER(the_disk_tells_its_size),
        IN_FOLDER(a_private_file_is_its_owners_alone),
        IN_FOLDER(a_path_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
