/* mailbox_test.c: messages to one thread. */
#include "base/mailbox.h"
#include "base/mem.h"
#include "base/thread.h"
#include "unit/base/child.h"
#include "unit/base/cmocka_all.h"

#include <poll.h>
#include <sched.h>

enum { SENDERS = 4, MESSAGES = 20000 };

struct letter {
    struct message message;
    int sender, number;
};

static struct mailbox box;
static int last_of[SENDERS]; /* the receiver's own */
static bool in_order;

static void read_letter(struct message *message)
{
    struct letter *letter = (struct letter *)message;
    in_order = in_order && letter->number == last_of[letter->sender] + 1;
    last_of[letter->sender] = letter->number;
    mem_free(letter);
}

static struct letter *letter_new(int sender, int number)
{
    struct letter *letter = MEM_NEW(struct letter);
    letter->message.handle = read_letter;
    letter->sender = sender;
    letter->number = number;
    return letter;
}

static int set_up(void **state)
{
    (void)state;
    mailbox_init(&box);
    memset(last_of, 0, sizeof(last_of));
    in_order = true;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mailbox_fini(&box);
    return 0;
}

static bool is_readable(int timeout_ms)
{
    struct pollfd fd = {.fd = box.wake_fd, .events = POLLIN};
    return poll(&fd, 1, timeout_ms) == 1;
}

static void messages_arrive_oldest_first(void **state)
{
    (void)state;
    for (int i = 1; i <= 10; i++)
        mailbox_send(&box, &letter_new(0, i)->message);
    assert_int_equal(mailbox_drain(&box), 10);
    assert_true(in_order);
    assert_int_equal(last_of[0], 10);
}

static void the_wake_fd_is_readable_until_drained(void **state)
{
    (void)state;
    assert_false(is_readable(0));
    assert_int_equal(mailbox_drain(&box), 0);
    mailbox_send(&box, &letter_new(0, 1)->message);
    mailbox_send(&box, &letter_new(0, 2)->message);
    assert_true(is_readable(0));
    assert_int_equal(mailbox_drain(&box), 2);
    assert_false(is_readable(0));
}

static void only_the_first_into_an_empty_box_wakes(void **state)
{
    (void)state;
    for (int i = 1; i <= 5; i++)
        mailbox_send(&box, &letter_new(0, i)->message);
    uint64_t wakes = 0;
    assert_int_equal(read(box.wake_fd, &wakes, sizeof(wakes)), sizeof(wakes));
    assert_int_equal(wakes, 1);
    assert_int_equal(mailbox_drain(&box), 5);
}

static void send_letters(void *arg)
{
    for (int i = 1; i <= MESSAGES; i++)
        mailbox_send(&box, &letter_new((int)(intptr_t)arg, i)->message);
}

static void nothing_is_lost_between_many_senders(void **state)
{
    (void)state;
    struct thread threads[SENDERS] = {0};
    for (int i = 0; i < SENDERS; i++)
        thread_start(&threads[i], THREAD_READER, "sender", send_letters, (void *)(intptr_t)i);
    unsigned received = 0;
    while (received < SENDERS * MESSAGES) {
        assert_true(is_readable(60000)); /* a lost wake-up would end here */
        received += mailbox_drain(&box);
    }
    for (int i = 0; i < SENDERS; i++) {
        thread_join(&threads[i]);
        assert_int_equal(last_of[i], MESSAGES);
    }
    assert_true(in_order);
    mailbox_drain(&box);
    assert_int_equal(received, SENDERS * MESSAGES);
}

static struct message again;
static int rounds;

static void send_again(struct message *message)
{
    if (++rounds < 3)
        mailbox_send(&box, message);
}

static void a_handler_may_send_its_message_again(void **state)
{
    (void)state;
    rounds = 0;
    again.handle = send_again;
    mailbox_send(&box, &again);
    for (int i = 1; i <= 3; i++) {
        assert_true(is_readable(0));
        assert_int_equal(mailbox_drain(&box), 1);
        assert_int_equal(rounds, i);
    }
    assert_false(is_readable(0));
}

static void what_is_sent_while_holding_wakes_once_at_the_release(void **state)
{
    (void)state;
    mailbox_hold();
    for (int i = 1; i <= 5; i++)
        mailbox_send(&box, &letter_new(0, i)->message);
    assert_false(is_readable(0));
    mailbox_release();
    uint64_t wakes = 0;
    assert_int_equal(read(box.wake_fd, &wakes, sizeof(wakes)), sizeof(wakes));
    assert_int_equal(wakes, 1);
    assert_int_equal(mailbox_drain(&box), 5);
    assert_true(in_order);
}

static void a_box_drained_while_its_wake_is_held_is_woken_for_what_comes_after(void **state)
{
    (void)state;
    mailbox_hold();
    mailbox_send(&box, &letter_new(0, 1)->message);
    assert_int_equal(mailbox_drain(&box), 1);
    mailbox_send(&box, &letter_new(0, 2)->message);
    mailbox_release();
    assert_true(is_readable(0));
    assert_int_equal(mailbox_drain(&box), 1);
    assert_false(is_readable(0));
}

static struct letter held_letter;
static _Atomic bool letter_is_in, may_release;

static void send_and_hold(void *arg)
{
    mailbox_hold();
    mailbox_send(arg, &held_letter.message);
    letter_is_in = true;
    while (!may_release)
        sched_yield();
    mailbox_release();
}

static void end_box(void *arg)
{
    mailbox_fini(arg);
    letter_is_in = false;
}

static void nothing(struct message *message)
{
    (void)message;
}

static void a_box_ends_only_after_the_wakes_that_are_held(void **state)
{
    (void)state;
    struct mailbox other;
    struct thread sender = {0}, ender = {0};
    mailbox_init(&other);
    held_letter.message.handle = nothing;
    thread_start(&sender, THREAD_READER, "sender", send_and_hold, &other);
    while (!letter_is_in)
        sched_yield();
    assert_int_equal(mailbox_drain(&other), 1);
    thread_start(&ender, THREAD_READER, "ender", end_box, &other);
    for (int i = 0; i < 1000; i++)
        sched_yield(); /* it has every chance to end the box too early */
    assert_true(letter_is_in);
    may_release = true;
    thread_join(&ender);
    thread_join(&sender);
    assert_false(letter_is_in);
}

static void end_full_box(void *arg)
{
    struct message left = {0};
    mailbox_send(arg, &left);
    mailbox_fini(arg);
}

static void ending_a_full_box_breaks_a_promise(void **state)
{
    (void)state;
    assert_true(child_breaks(end_full_box, &box, "NULL"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_arrive_oldest_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_wake_fd_is_readable_until_drained, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_the_first_into_an_empty_box_wakes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_lost_between_many_senders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_handler_may_send_its_message_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_sent_while_holding_wakes_once_at_the_release,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_box_drained_while_its_wake_is_held_is_woken_for_what_comes_after, set_up, tear_down),
        cmocka_unit_test(a_box_ends_only_after_the_wakes_that_are_held),
        cmocka_unit_test_setup_teardown(ending_a_full_box_breaks_a_promise, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
