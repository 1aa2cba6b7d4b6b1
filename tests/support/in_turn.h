/* in_turn.h: what fails in turn, one run each, each run a process of its own, several at once. Thread: one at a time. */
#ifndef SLUICE_TESTS_SUPPORT_IN_TURN_H
#define SLUICE_TESTS_SUPPORT_IN_TURN_H

#include <stdbool.h>

struct in_turn {
    /* Something fails at its `which`-th time, counted from 1. What is wrong ends the process; false: nothing was left to fail. */
    bool (*run)(int manner, long which);
    int manner;  /* run's own; where some are left out, each manner leaves out other ones */
    int at_once; /* processes: at most IN_TURN_AT_ONCE_MAX */
    long
        hurried; /* TORTURE_STRIDE=n: every n-th one fails, or where a run is dear, every n times so many; 0: 1 */
    long at_most; /* runs */
};
enum { IN_TURN_AT_ONCE_MAX = 32 };

/* Until a run had nothing left to fail. Fails the test if one went wrong. How many there are to fail. */
long in_turn(const struct in_turn *t);

#endif
