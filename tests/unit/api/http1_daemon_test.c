/* http1_daemon_test.c: streams at rest are shared out among daemons, so that they do not slow down who comes after them. */
#include "api/network.h"

#include "base/limits.h"
#include "support/flows.h"
#include "support/http_client.h"
#include "unit/base/cmocka_all.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

enum { STREAMS = 200 };

static struct echo echo;
static struct flows flows;
static struct client clients[STREAMS];

static int open_flows(void **state)
{
    (void)state;
    echo_init(&echo);
    flows_init(&flows, &echo);
    echo_open(&echo);
    return 0;
}

static int close_flows(void **state)
{
    (void)state;
    echo_close(&echo, 5000);
    return 0;
}

/* Each daemon has one of its own. */
static unsigned epolls(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    for (const struct dirent *one; (one = readdir(folder)) != NULL;) {
        char path[300], what[64];
        snprintf(path, sizeof(path), "/proc/self/fd/%s", one->d_name);
        ssize_t len = readlink(path, what, sizeof(what) - 1);
        what[len < 0 ? 0 : len] = '\0';
        count += strstr(what, "eventpoll") != NULL;
    }
    closedir(folder);
    return count;
}

static void open_streams(unsigned opened_before)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        client_open(&clients[i], echo_port(&echo));
        client_send(&clients[i], "POST /rest HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n.");
        flows_wait_opened(&flows, opened_before + i + 1);
    }
}

static void streams_at_rest_are_shared_out_and_all_are_served(void **state)
{
    (void)state;
    unsigned before = epolls();
    open_streams(0);
    unsigned with = epolls();
    assert_int_equal(with - before, (STREAMS - 1) / DAEMON_STREAMS_MAX);
    struct client other;
    client_open(&other, echo_port(&echo));
    for (int i = 0; i < 50; i++) {
        client_post(&other, i % 2 ? "/later" : "/sync", BYTES_LITERAL("beside them"));
        client_expect(&other, 200, "beside them");
    }
    for (unsigned i = 0; i < STREAMS; i++) { /* in every daemon */
        flows_feed(&flows, i, 5);
        client_read_to(&clients[i], "5\r\nabcde\r\n");
    }
    for (unsigned i = 0; i < STREAMS; i++) {
        flows_end(&flows, i);
        client_read_to(&clients[i], "0\r\n\r\n");
        client_close(&clients[i]);
    }
    flows_wait_closed(&flows, STREAMS);
    echo_wait_connections(&echo, 1);
    open_streams(STREAMS); /* the daemons that are there are used again */
    assert_int_equal(epolls(), with);
    for (unsigned i = 0; i < STREAMS; i++)
        client_close(&clients[i]);
    client_close(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(streams_at_rest_are_shared_out_and_all_are_served,
                                        open_flows, close_flows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
