/* listener_test.c: the door: what is said before a connection is served, and by how many at once.
 */
#include "api/network.h"

#include "base/file.h"

#include "support/echo_server.h"
#include "support/http_client.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MANY = 2000 };
static struct client clients[MANY];

static void open_many(struct echo *e, size_t count)
{
    for (size_t i = 0; i < count; i++)
        client_open(&clients[i], echo_port(e));
}

static void close_many(size_t count)
{
    for (size_t i = 0; i < count; i++)
        client_close(&clients[i]);
}

/* Exactly these bytes, then the end. */
static void expect_bytes_then_end(struct client *c, struct bytes expected)
{
    assert_true(client_closed_within(c, 5000));
    assert_int_equal(c->got.len, expected.len);
    assert_memory_equal(c->got.at, expected.at, expected.len);
}

static void an_http2_preface_where_there_is_only_tls_gets_settings_and_goaway(void **state)
{
    (void)state;
    struct echo e;
    struct client c;
    struct fault f;
    char folder[] = "/tmp/sluice-listener-XXXXXX";
    assert_non_null(mkdtemp(folder));
    echo_init(&e);
    e.settings.plain = false;
    assert_int_equal(tls_open(&(struct tls_settings){.folder = folder}, &e.settings.tls, &f), OK);
    echo_open(&e);
    static const uint8_t refusal[] = {0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 8, 7,
                                      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12};
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    client_open(&c, echo_port(&e));
    for (size_t i = 0; i < sizeof(preface) - 1; i++) /* in as many pieces as there can be */
        client_send_bytes(&c, bytes_of(preface + i, 1));
    client_try_send(&c, BYTES_LITERAL("\0\0\0\4\0\0\0\0\0")); /* its own SETTINGS */
    expect_bytes_then_end(&c, bytes_of(refusal, sizeof(refusal)));
    client_close(&c);
    echo_wait_connections(&e, 0);
    echo_close(&e, 1000);
    tls_close(e.settings.tls);
    assert_int_equal(folder_remove(folder, &f), OK);
}

static void a_hello_where_there_is_no_tls_gets_an_alert(void **state)
{
    (void)state;
    struct echo e;
    struct client c;
    echo_init(&e);
    echo_open(&e);
    client_open(&c, echo_port(&e));
    client_send_bytes(&c, BYTES_LITERAL("\x16\x03\x01\x00\xf0\x01\x00\x00"));
    expect_bytes_then_end(&c, BYTES_LITERAL("\x15\x03\x01\x00\x02\x02\x28"));
    client_close(&c);
    echo_close(&e, 1000);
}

static void silent_connections_are_closed_in_time_and_cost_the_loops_nothing(void **state)
{
    (void)state;
    struct echo e;
    struct client silent, slow, good;
    echo_init(&e);
    e.settings.first_byte_ms = 300;
    echo_open(&e);
    client_open(&silent, echo_port(&e));
    client_open(&slow, echo_port(&e));
    client_send(&slow, "PRI"); /* could still be HTTP/2 */
    client_open(&good, echo_port(&e));
    client_post(&good, "/sync", BYTES_LITERAL("good"));
    client_expect(&good, 200, "good");
    assert_false(client_closed_within(&silent, 50));
    assert_true(client_closed_within(&silent, 5000));
    assert_true(client_closed_within(&slow, 5000));
    client_post(&good, "/sync", BYTES_LITERAL("still"));
    client_expect(&good, 200, "still");
    client_close(&silent);
    client_close(&slow);
    client_close(&good);
    echo_close(&e, 1000);
}

static void one_who_leaves_before_saying_enough_is_forgotten(void **state)
{
    (void)state;
    struct echo e;
    struct client c[3];
    echo_init(&e);
    echo_open(&e);
    for (int i = 0; i < 3; i++)
        client_open(&c[i], echo_port(&e));
    echo_wait_connections(&e, 3);
    client_send(&c[1], "PR");
    assert_int_equal(shutdown(c[1].fd, SHUT_WR), 0); /* half closed: no more will come */
    client_send(&c[2], "PR");
    client_close(&c[0]);
    client_close(&c[2]);
    assert_true(client_closed_within(&c[1], 5000));
    client_close(&c[1]);
    echo_wait_connections(&e, 0);
    echo_close(&e, 1000);
}

static void the_oldest_silent_one_makes_room_for_the_newest(void **state)
{
    (void)state;
    struct echo e;
    struct client talking, late;
    echo_init(&e);
    e.settings.connections_max = 4;
    echo_open(&e);
    client_open(&talking, echo_port(&e));
    client_post(&talking, "/sync", BYTES_LITERAL("first"));
    client_expect(&talking, 200, "first");
    open_many(&e, 3);
    echo_wait_connections(&e, 4);
    client_open(&late, echo_port(&e));
    client_post(&late, "/sync", BYTES_LITERAL("late"));
    client_expect(&late, 200, "late");
    assert_true(client_closed_within(&clients[0], 5000));
    assert_false(client_closed_within(&clients[1], 50));
    client_post(&talking, "/sync", BYTES_LITERAL("again"));
    client_expect(&talking, 200, "again");
    client_close(&late);
    client_close(&talking);
    close_many(3);
    echo_close(&e, 1000);
}

static void when_all_are_talking_the_new_one_is_closed(void **state)
{
    (void)state;
    struct echo e;
    struct client late;
    echo_init(&e);
    e.settings.connections_max = 3;
    echo_open(&e);
    open_many(&e, 3);
    for (size_t i = 0; i < 3; i++) {
        client_post(&clients[i], "/later", BYTES_LITERAL("x"));
        client_expect(&clients[i], 200, "x");
    }
    client_open(&late, echo_port(&e));
    assert_true(client_closed_within(&late, 5000));
    client_close(&late);
    for (size_t i = 0; i < 3; i++) {
        client_post(&clients[i], "/later", BYTES_LITERAL("y"));
        client_expect(&clients[i], 200, "y");
    }
    close_many(3);
    echo_wait_connections(&e, 0);
    client_open(&late, echo_port(&e)); /* there is room again */
    client_post(&late, "/sync", BYTES_LITERAL("z"));
    client_expect(&late, 200, "z");
    client_close(&late);
    echo_close(&e, 1000);
}

static void all_of_many_are_answered_at_once(void **state)
{
    (void)state;
    /* 128, 256 and 512 are full batches of ready sockets, at which libmicrohttpd's own threads
     * stall. */
    static const size_t counts[] = {1, 64, 100, 127, 128, 129, 256, 512};
    struct echo e;
    echo_init(&e);
    e.settings.loops = 1; /* all in one daemon */
    echo_open(&e);
    for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
        open_many(&e, counts[k]);
        uint64_t begun_us = clock_mono_us(&clock_system);
        for (int round = 0; round < 4; round++) {
            for (size_t i = 0; i < counts[k]; i++)
                client_post(&clients[i], "/held", BYTES_LITERAL("all"));
            echo_wait_held(&e, (unsigned)counts[k]);
            echo_release(&e);
            for (size_t i = 0; i < counts[k]; i++)
                client_expect(&clients[i], 200, "all");
        }
        assert_in_range(clock_mono_us(&clock_system) - begun_us, 0, 5000000);
        close_many(counts[k]);
        echo_wait_connections(&e, 0);
    }
    echo_close(&e, 1000);
}

static void two_thousand_idle_connections_do_not_stand_in_the_way(void **state)
{
    (void)state;
    struct echo e;
    struct client c;
    echo_init(&e);
    echo_open(&e);
    open_many(&e, MANY);
    for (size_t i = 0; i < MANY;
         i += 2) { /* half of them silent, half of them kept after a request */
        client_post(&clients[i], "/sync", BYTES_LITERAL("kept"));
        client_expect(&clients[i], 200, "kept");
    }
    echo_wait_connections(&e, MANY);
    client_open(&c, echo_port(&e));
    for (int i = 0; i < 100; i++) {
        client_post(&c, "/later", BYTES_LITERAL("served"));
        client_expect(&c, 200, "served");
    }
    client_close(&c);
    close_many(MANY);
    echo_wait_connections(&e, 0);
    echo_close(&e, 1000);
}

static void without_descriptors_connections_are_closed_and_later_served_again(void **state)
{
    (void)state;
    struct echo e;
    struct client kept, late;
    struct rlimit before, few;
    echo_init(&e);
    echo_open(&e);
    client_open(&kept, echo_port(&e));
    client_post(&kept, "/sync", BYTES_LITERAL("a"));
    client_expect(&kept, 200, "a");
    client_open(&late, echo_port(&e)); /* its end of the next connection must not need one more */
    client_close(&late);
    echo_wait_connections(&e, 1);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){.rlim_cur = (rlim_t)fd + 1, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    struct sockaddr_storage to;
    socklen_t to_len = sizeof(to);
    assert_int_equal(getpeername(kept.fd, (struct sockaddr *)&to, &to_len), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, to_len), 0);
    char byte;
    assert_true(recv(fd, &byte, 1, 0) <= 0); /* closed, not left hanging */
    client_post(&kept, "/later", BYTES_LITERAL("b"));
    client_expect(&kept, 200, "b");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    close(fd);
    client_open(&late, echo_port(&e));
    client_post(&late, "/sync", BYTES_LITERAL("c"));
    client_expect(&late, 200, "c");
    client_close(&late);
    client_close(&kept);
    echo_close(&e, 1000);
}

static void plain_http_on_a_tls_port_is_told_so(void **state)
{
    (void)state;
    struct fault f;
    char folder[] = "/tmp/sluice-listener-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct echo e;
    struct client c;
    echo_init(&e);
    e.settings.plain = false;
    assert_int_equal(tls_open(&(struct tls_settings){.folder = folder}, &e.settings.tls, &f), OK);
    echo_open(&e);
    client_open(&c, echo_port(&e));
    client_post(&c, "/sync", BYTES_LITERAL("body"));
    client_expect(&c, 400, "This port speaks HTTPS: use https://\n");
    assert_true(client_closed_within(&c, 5000));
    client_close(&c);
    echo_close(&e, 1000);
    tls_close(e.settings.tls);
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void a_port_that_is_taken_is_in_use(void **state)
{
    (void)state;
    struct fault f;
    struct echo e, second;
    struct network *n;
    echo_init(&e);
    echo_open(&e);
    echo_init(&second);
    second.settings.port = echo_port(&e);
    assert_int_equal(network_open(&second.settings, &n, &f), IN_USE);
    assert_null(n);
    second.settings.address = "no.such.address";
    assert_int_equal(network_open(&second.settings, &n, &f), INVALID_ARGUMENT);
    second.settings.address = "192.0.2.1"; /* nobody's */
    second.settings.port = 0;
    assert_int_equal(network_open(&second.settings, &n, &f), IO_FAILED);
    echo_close(&e, 1000);
}

static void one_listener_takes_both_address_families(void **state)
{
    (void)state;
    struct echo e;
    struct client c;
    echo_init(&e);
    e.settings.address = "::";
    echo_open(&e);
    client_open(&c, echo_port(&e)); /* over IPv4 */
    client_post(&c, "/sync", BYTES_LITERAL("four"));
    client_expect(&c, 200, "four");
    client_close(&c);
    echo_close(&e, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_http2_preface_where_there_is_only_tls_gets_settings_and_goaway),
        cmocka_unit_test(a_hello_where_there_is_no_tls_gets_an_alert),
        cmocka_unit_test(silent_connections_are_closed_in_time_and_cost_the_loops_nothing),
        cmocka_unit_test(one_who_leaves_before_saying_enough_is_forgotten),
        cmocka_unit_test(the_oldest_silent_one_makes_room_for_the_newest),
        cmocka_unit_test(when_all_are_talking_the_new_one_is_closed),
        cmocka_unit_test(all_of_many_are_answered_at_once),
        cmocka_unit_test(two_thousand_idle_connections_do_not_stand_in_the_way),
        cmocka_unit_test(without_descriptors_connections_are_closed_and_later_served_again),
        cmocka_unit_test(plain_http_on_a_tls_port_is_told_so),
        cmocka_unit_test(a_port_that_is_taken_is_in_use),
        cmocka_unit_test(one_listener_takes_both_address_families),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
