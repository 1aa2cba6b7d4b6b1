/* served.h: a real `sluice serve --dev` in a process of its own, for tests of what calls it. What goes wrong fails the test.
 * Thread: one at a time. */
#ifndef SLUICE_TESTS_SUPPORT_SERVED_H
#define SLUICE_TESTS_SUPPORT_SERVED_H

#include <stdint.h>
#include <sys/types.h>

enum { SERVED_FLAGS_MAX = 8 };

struct served {
    const char *flags[SERVED_FLAGS_MAX]; /* more of them; set before served_start */
    uint16_t port;
    char folder[64];       /* its data */
    char endpoint[64];     /* "http://127.0.0.1:PORT" */
    char tls_endpoint[64]; /* the same port */
    char ca_file[96];
    pid_t pid; /* 0: it does not run */
};

/* In a fresh folder, on a free port; ready when it returns. */
void served_start(struct served *s);
/* Again, in the same folder and on the same port. */
void served_restart(struct served *s);
/* SIGKILL. */
void served_kill(struct served *s);
/* SIGTERM; it must end with 0, without a sanitizer's complaint. Removes the folder. */
void served_stop(struct served *s);

#endif
