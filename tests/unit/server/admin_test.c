/* admin_test.c: questions and answers, and the socket they go over. */
#include "server/admin.h"

#include "api/keys.h"
#include "base/thread.h"
#include "server/key_names.h"

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Keys that live in memory. */
struct fake_keys {
    struct admin_keys admin;
    struct key_names names;
    char secret[SECRET_KEY_BYTES];
    enum status outcome; /* what add and remove answer */
};

static struct fake_keys *of(struct admin_keys *admin)
{
    return LIST_OWNER(admin, struct fake_keys, admin);
}

static enum status fake_add(struct admin_keys *admin, struct bytes access_key, struct bytes secret,
                            struct bytes account, struct fault *f)
{
    if (of(admin)->outcome != OK)
        return fault_set(f, of(admin)->outcome, "the disk said \"no\"");
    snprintf(of(admin)->secret, SECRET_KEY_BYTES, "%.*s", BYTES_ARGS(secret));
    return key_names_add(&of(admin)->names, access_key, account, f);
}

static enum status fake_remove(struct admin_keys *admin, struct bytes access_key, struct fault *f)
{
    if (!key_names_has(&of(admin)->names, access_key))
        return fault_set(f, NOT_FOUND, "there is no access key %.*s", BYTES_ARGS(access_key));
    key_names_remove(&of(admin)->names, access_key);
    return OK;
}

static size_t fake_count(struct admin_keys *admin)
{
    return of(admin)->names.count;
}

static const char *fake_name(struct admin_keys *admin, size_t index)
{
    return of(admin)->names.at[index].name;
}

static const char *fake_account(struct admin_keys *admin, size_t index)
{
    return of(admin)->names.at[index].account;
}

static void fake_init(struct fake_keys *k)
{
    *k = (struct fake_keys){.admin = {fake_add, fake_remove, fake_count, fake_name, fake_account}};
    key_names_init(&k->names);
}

/* The answer, NUL-terminated; valid until the next. */
static const char *ask(struct fake_keys *k, const char *question)
{
    static char text[8192];
    struct buf out;
    buf_init(&out, sizeof(text) - 1);
    admin_answer(&k->admin, bytes_text(question), &out);
    memcpy(text, out.at, out.len);
    text[out.len] = '\0';
    buf_fini(&out);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
    return text;
}

static void must_say(const char *answer, const char *part)
{
    if (!strstr(answer, part))
        fail_msg("%s does not say %s", answer, part);
}

static void a_key_that_is_added_is_told_with_its_secret(void **state)
{
    (void)state;
    struct fake_keys k;
    char wanted[128];
    fake_init(&k);
    const char *answer = ask(&k, "{\"command\":\"keys-add\"}");
    assert_int_equal(k.names.count, 1);
    assert_int_equal(strlen(k.secret), SECRET_KEY_BYTES - 1);
    snprintf(wanted, sizeof(wanted), "\"access_key\":\"%s\"", k.names.at[0].name);
    must_say(answer, wanted);
    snprintf(wanted, sizeof(wanted), "\"secret\":\"%s\"", k.secret);
    must_say(answer, wanted);
    key_names_fini(&k.names);
}

static void a_key_is_made_for_an_account_that_can_be_one(void **state)
{
    (void)state;
    struct fake_keys k;
    fake_init(&k);
    must_say(ask(&k, "{\"command\":\"keys-add\",\"account\":\"123456789012\"}"), "secret");
    must_say(ask(&k, "{\"command\":\"keys-list\"}"), "\"account\":\"123456789012\"");
    must_say(ask(&k, "{\"command\":\"keys-add\",\"account\":\"12345678901\"}"), "12 digits");
    must_say(ask(&k, "{\"command\":\"keys-add\",\"account\":123456789012}"), "12 digits");
    assert_int_equal(k.names.count, 1);
    key_names_fini(&k.names);
}

static void a_key_that_could_not_be_kept_is_not_told(void **state)
{
    (void)state;
    struct fake_keys k;
    fake_init(&k);
    k.outcome = IO_FAILED;
    const char *answer = ask(&k, "{\"command\":\"keys-add\"}");
    assert_string_equal(answer, "{\"error\":\"the disk said \\\"no\\\"\"}\n");
    key_names_fini(&k.names);
}

static void keys_are_listed_in_order_without_secrets(void **state)
{
    (void)state;
    struct fake_keys k;
    fake_init(&k);
    assert_string_equal(ask(&k, "{\"command\":\"keys-list\"}"), "{\"keys\":[]}\n");
    assert_int_equal(key_names_add(&k.names, BYTES_LITERAL("B"), BYTES_NONE, NULL), OK);
    assert_int_equal(key_names_add(&k.names, BYTES_LITERAL("C"), BYTES_NONE, NULL), OK);
    assert_int_equal(key_names_add(&k.names, BYTES_LITERAL("A"), BYTES_NONE, NULL), OK);
    assert_int_equal(key_names_add(&k.names, BYTES_LITERAL("B"), BYTES_NONE, NULL), OK);
    assert_string_equal(ask(&k, "{\"command\":\"keys-list\"}"),
                        "{\"keys\":[{\"access_key\":\"A\",\"account\":\"\"},"
                        "{\"access_key\":\"B\",\"account\":\"\"},"
                        "{\"access_key\":\"C\",\"account\":\"\"}]}\n");
    key_names_fini(&k.names);
}

static void the_last_key_goes_only_by_force(void **state)
{
    (void)state;
    struct fake_keys k;
    fake_init(&k);
    assert_int_equal(key_names_add(&k.names, BYTES_LITERAL("A"), BYTES_NONE, NULL), OK);
    assert_int_equal(key_names_add(&k.names, BYTES_LITERAL("B"), BYTES_NONE, NULL), OK);
    assert_string_equal(ask(&k, "{\"command\":\"keys-remove\",\"access_key\":\"A\"}"), "{}\n");
    must_say(ask(&k, "{\"command\":\"keys-remove\",\"access_key\":\"B\",\"force\":false}"),
             "last access key");
    must_say(ask(&k, "{\"command\":\"keys-remove\",\"access_key\":\"B\",\"force\":1}"),
             "last access key");
    assert_int_equal(k.names.count, 1);
    must_say(ask(&k, "{\"command\":\"keys-remove\",\"access_key\":\"A\"}"), "no access key A");
    assert_string_equal(
        ask(&k, "{\"command\":\"keys-remove\",\"access_key\":\"B\",\"force\":true}"), "{}\n");
    assert_int_equal(k.names.count, 0);
    key_names_fini(&k.names);
}

static void nonsense_is_answered_with_an_error(void **state)
{
    (void)state;
    struct fake_keys k;
    fake_init(&k);
    static const char *const questions[] = {"",
                                            "{",
                                            "[]",
                                            "1",
                                            "null",
                                            "{}",
                                            "{\"command\":1}",
                                            "{\"command\":\"keys\"}",
                                            "{\"command\":\"keys-remove\"}",
                                            "{\"command\":\"keys-remove\",\"access_key\":5}",
                                            "{\"command\":\"keys-list\"} x",
                                            "\xff\xfe"};
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
        must_say(ask(&k, questions[i]), "{\"error\":");
    assert_int_equal(k.names.count, 0);
    key_names_fini(&k.names);
}

static void there_is_a_most_of_names(void **state)
{
    (void)state;
    struct fake_keys k;
    fake_init(&k);
    char name[16];
    for (int i = 0; i < KEY_NAMES_MAX; i++) {
        snprintf(name, sizeof(name), "N%d", i);
        assert_int_equal(key_names_add(&k.names, bytes_text(name), BYTES_NONE, NULL), OK);
    }
    struct fault f;
    assert_int_equal(key_names_add(&k.names, BYTES_LITERAL("more"), BYTES_NONE, &f),
                     LIMIT_EXCEEDED);
    key_names_fini(&k.names);
}

/* ---- over the socket: the server's end on a thread of its own ---- */

struct served {
    struct fake_keys keys;
    char folder[64];
    struct loop *loop;
    struct admin *admin;
    struct thread thread;
};

static void run_loop(void *arg)
{
    loop_run(((struct served *)arg)->loop);
}

static int serve(void **state)
{
    static struct served s;
    struct fault f;
    s = (struct served){.folder = "/tmp/sluice-admin-XXXXXX"};
    fake_init(&s.keys);
    assert_non_null(mkdtemp(s.folder));
    assert_int_equal(loop_new(&s.loop, &clock_system, &f), OK);
    assert_int_equal(admin_open(s.folder, s.loop, &s.keys.admin, &s.admin, &f), OK);
    thread_start(&s.thread, THREAD_MAIN, "admin", run_loop, &s);
    *state = &s;
    return 0;
}

static int serve_no_more(void **state)
{
    struct served *s = *state;
    loop_stop(s->loop);
    thread_join(&s->thread);
    admin_close(s->admin);
    loop_free(s->loop);
    key_names_fini(&s->keys.names);
    assert_int_equal(rmdir(s->folder), 0); /* the socket is gone */
    return 0;
}

static enum status ask_over(struct served *s, const char *question, char answer[8192],
                            struct fault *f)
{
    struct buf out;
    buf_init(&out, 8191);
    enum status st = admin_ask(s->folder, bytes_text(question), &out, f);
    snprintf(answer, 8192, "%.*s", (int)out.len, out.at ? (const char *)out.at : "");
    buf_fini(&out);
    return st;
}

static void a_question_over_the_socket_is_answered(void **state)
{
    char answer[8192];
    struct fault f;
    assert_int_equal(ask_over(*state, "{\"command\":\"keys-add\"}", answer, &f), OK);
    must_say(answer, "\"secret\":");
    assert_int_equal(ask_over(*state, "{\"command\":\"keys-list\"}", answer, &f), OK);
    must_say(answer, "{\"keys\":[{\"access_key\":\"AKIA");
}

static void the_socket_is_for_its_owner_only(void **state)
{
    struct served *s = *state;
    struct stat about;
    char path[128];
    snprintf(path, sizeof(path), "%s/admin.sock", s->folder);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
}

static int connect_to(const struct served *s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/admin.sock", s->folder);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Reads until the other end closes. */
static size_t read_all(int fd, char *out, size_t room)
{
    size_t len = 0;
    for (ssize_t n; (n = recv(fd, out + len, room - 1 - len, 0)) > 0;)
        len += (size_t)n;
    out[len] = '\0';
    return len;
}

static void a_line_without_end_is_refused_and_closed(void **state)
{
    struct served *s = *state;
    char line[ADMIN_LINE_BYTES_MAX], answer[8192];
    memset(line, 'x', sizeof(line));
    int fd = connect_to(s);
    assert_int_equal(send(fd, line, sizeof(line), 0), sizeof(line));
    read_all(fd, answer, sizeof(answer));
    must_say(answer, "too long");
    close(fd);
    assert_int_equal(ask_over(s, "{\"command\":\"keys-list\"}", answer, NULL), OK);
}

static void several_questions_in_pieces_are_answered_in_order(void **state)
{
    struct served *s = *state;
    static const char text[] =
        "{\"command\":\"keys-list\"}\nnonsense\n{\"command\":\"keys-list\"}\n";
    char answer[8192];
    int fd = connect_to(s);
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        assert_int_equal(send(fd, text + i, 1, 0), 1);
    shutdown(fd, SHUT_WR);
    read_all(fd, answer, sizeof(answer));
    const char *error = strstr(answer, "{\"error\"");
    assert_true(error && strncmp(answer, "{\"keys\"", 7) == 0 && strstr(error, "{\"keys\""));
    close(fd);
}

static void callers_past_the_most_are_turned_away_and_others_served(void **state)
{
    struct served *s = *state;
    int fds[ADMIN_PEERS_MAX];
    char answer[8192];
    for (int i = 0; i < ADMIN_PEERS_MAX; i++)
        fds[i] = connect_to(s);
    struct fault f;
    assert_int_equal(ask_over(s, "{\"command\":\"keys-list\"}", answer, &f), IO_FAILED);
    for (int i = 0; i < ADMIN_PEERS_MAX; i++) {
        shutdown(fds[i], SHUT_WR);
        read_all(fds[i], answer, sizeof(answer)); /* returns when the server has let go of it */
        close(fds[i]);
    }
    assert_int_equal(ask_over(s, "{\"command\":\"keys-list\"}", answer, &f), OK);
}

/* Another user's question, whether the file modes let it through or not: 0 when it was answered. */
static int ask_as_nobody(const char *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/admin.sock", folder);
    static const char question[] = "{\"command\":\"keys-list\"}\n";
    char answer[64];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (setuid(65534) != 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        return 2;
    if (send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) < 0)
        return 1;
    return recv(fd, answer, sizeof(answer), 0) > 0 ? 0 : 1;
}

static void another_user_gets_no_answer(void **state)
{
    struct served *s = *state;
    char path[128];
    int ended;
    if (geteuid() != 0)
        skip(); /* only root can be somebody else */
    snprintf(path, sizeof(path), "%s/admin.sock", s->folder);
    assert_int_equal(chmod(path, 0666),
                     0); /* so that it is the server that turns the caller away */
    assert_int_equal(chmod(s->folder, 0711), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(ask_as_nobody(s->folder));
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended));
    assert_int_equal(WEXITSTATUS(ended), 1);
}

static void nobody_there_is_not_found_and_a_dead_socket_is_replaced(void **state)
{
    (void)state;
    char folder[] = "/tmp/sluice-admin-XXXXXX", path[64];
    struct fault f;
    struct buf out;
    buf_init(&out, 64);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(admin_ask(folder, BYTES_LITERAL("{}"), &out, &f), NOT_FOUND);
    snprintf(path, sizeof(path), "%s/admin.sock", folder);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd); /* as a killed server leaves it */
    assert_int_equal(admin_ask(folder, BYTES_LITERAL("{}"), &out, &f), NOT_FOUND);
    struct loop *loop;
    struct admin *admin;
    struct fake_keys k;
    fake_init(&k);
    assert_int_equal(loop_new(&loop, &clock_system, &f), OK);
    assert_int_equal(admin_open(folder, loop, &k.admin, &admin, &f), OK);
    admin_close(admin);
    loop_free(loop);
    key_names_fini(&k.names);
    assert_int_equal(rmdir(folder), 0);
    buf_fini(&out);
}

static void a_folder_with_a_long_path_has_a_socket_too(void **state)
{
    (void)state;
    char folder[256] = "/tmp/sluice-admin-XXXXXX";
    struct fault f;
    assert_non_null(mkdtemp(folder));
    size_t len = strlen(folder);
    folder[len] = '/';
    memset(folder + len + 1, 'd', 150);
    assert_int_equal(mkdir(folder, 0700), 0);
    struct loop *loop;
    struct admin *admin;
    struct fake_keys k;
    fake_init(&k);
    assert_int_equal(loop_new(&loop, &clock_system, &f), OK);
    assert_int_equal(admin_open(folder, loop, &k.admin, &admin, &f), OK);
    admin_close(admin);
    loop_free(loop);
    key_names_fini(&k.names);
    assert_int_equal(rmdir(folder), 0);
    folder[len] = '\0';
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_that_is_added_is_told_with_its_secret),
        cmocka_unit_test(a_key_is_made_for_an_account_that_can_be_one),
        cmocka_unit_test(a_key_that_could_not_be_kept_is_not_told),
        cmocka_unit_test(keys_are_listed_in_order_without_secrets),
        cmocka_unit_test(the_last_key_goes_only_by_force),
        cmocka_unit_test(nonsense_is_answered_with_an_error),
        cmocka_unit_test(there_is_a_most_of_names),
        cmocka_unit_test_setup_teardown(a_question_over_the_socket_is_answered, serve,
                                        serve_no_more),
        cmocka_unit_test_setup_teardown(the_socket_is_for_its_owner_only, serve, serve_no_more),
        cmocka_unit_test_setup_teardown(a_line_without_end_is_refused_and_closed, serve,
                                        serve_no_more),
        cmocka_unit_test_setup_teardown(several_questions_in_pieces_are_answered_in_order, serve,
                                        serve_no_more),
        cmocka_unit_test_setup_teardown(callers_past_the_most_are_turned_away_and_others_served,
                                        serve, serve_no_more),
        cmocka_unit_test_setup_teardown(another_user_gets_no_answer, serve, serve_no_more),
        cmocka_unit_test(nobody_there_is_not_found_and_a_dead_socket_is_replaced),
        cmocka_unit_test(a_folder_with_a_long_path_has_a_socket_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
