/* data_folder_test.c: one folder, one holder. flock belongs to an open file, so two openings in one
 * process stand for two servers. */
#include "server/data_folder.h"

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static int make_root(void **state)
{
    (void)state;
    snprintf(root, sizeof(root), "/tmp/sluice-folder-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    char path[128];
    static const char *const left[] = {"d/LOCK", "d/log", "d", ""};
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", root, left[i]);
        remove(path);
    }
    return 0;
}

static const char *in_root(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", root, name);
    return path;
}

static void a_second_opening_is_told_who_holds_it(void **state)
{
    (void)state;
    struct data_folder first = {0}, second = {0};
    struct fault f;
    char pid[32];
    assert_int_equal(data_folder_open_or_make(&first, in_root("d"), &f), OK);
    assert_int_equal(data_folder_open_or_make(&second, in_root("d"), &f), IN_USE);
    snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    assert_non_null(strstr(f.text, pid));
    data_folder_close(&second);
    data_folder_close(&first);
    assert_int_equal(data_folder_open(&second, in_root("d"), &f), OK);
    data_folder_close(&second);
    data_folder_close(&second); /* fine */
}

static void what_is_made_is_ours_alone_and_named_from_the_root(void **state)
{
    (void)state;
    struct data_folder d = {0};
    struct fault f;
    struct stat about;
    char here[256];
    assert_non_null(getcwd(here, sizeof(here)));
    assert_int_equal(chdir(root), 0);
    assert_int_equal(data_folder_open_or_make(&d, "./d", &f), OK);
    assert_int_equal(chdir(here), 0);
    assert_int_equal(d.path[0], '/');
    assert_int_equal(stat(d.path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0700);
    assert_int_equal(stat(d.log, &about), 0);
    assert_true(S_ISDIR(about.st_mode));
    assert_int_equal(strncmp(d.catalog, d.path, strlen(d.path)), 0);
    data_folder_close(&d);
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct data_folder d = {0};
    struct fault f;
    assert_int_equal(data_folder_open(&d, in_root("none"), &f), NOT_FOUND);
    assert_non_null(strstr(f.text, "none"));
    data_folder_close(&d);
    assert_true(data_folder_open_or_make(&d, in_root("none/deeper"), &f) < 0);
    data_folder_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_second_opening_is_told_who_holds_it, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(what_is_made_is_ours_alone_and_named_from_the_root,
                                        make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_folder_that_is_not_there_is_named, make_root,
                                        remove_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
