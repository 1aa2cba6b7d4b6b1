"""test_tallies.py: the checks of tallies.py see what they are to see: each with a log that is wrong in one way."""

import pytest

from tallies import Batch, check_shard

TRUTH = [f"{n} 0 k:{n}" for n in range(10)]


def batch(epoch, first, end, pid=None):
    return Batch(epoch, pid or 100 + epoch, 0, TRUTH[first:end])


def check(*batches, exactly=True):
    return check_shard("shard", TRUTH, list(batches), exactly)


def test_a_log_that_goes_on_where_the_lease_before_ended_is_right_either_way():
    right = batch(1, 0, 3), batch(1, 3, 4), batch(4, 4, 10)
    assert check(*right) == 0
    assert check(*right, exactly=False) == 0


def test_a_lease_that_begins_before_the_last_one_ended_is_at_least_once_and_counted():
    again = batch(1, 0, 6), batch(2, 4, 5), batch(2, 5, 10), batch(3, 9, 10)
    assert check(*again, exactly=False) == 3
    with pytest.raises(AssertionError, match="begins 2 records back"):
        check(*again)


@pytest.mark.parametrize(
    "batches, words",
    [
        ([batch(1, 0, 4), batch(2, 5, 10)], "passes over 1 records"),
        ([batch(1, 0, 4), batch(1, 5, 10)], "was to come"),  # within a lease
        ([batch(1, 0, 4), batch(1, 3, 10)], "was to come"),
        ([batch(1, 0, 9)], "9 of 10"),
        ([], "0 of 10"),
        ([batch(2, 0, 4), batch(1, 4, 10)], "after epoch 2 had begun"),
        ([batch(1, 0, 4), batch(1, 4, 10, pid=7)], "of 101"),  # one epoch, two processes
        ([batch(1, 0, 10), Batch(1, 101, 0, ["99 0 k:99"])], "were to come"),
        ([Batch(1, 101, 0, ["99 0 k:99"])], "not the shard's"),
    ],
)
def test_what_is_left_out_out_of_order_or_late_is_seen(batches, words):
    for exactly in (True, False):
        with pytest.raises(AssertionError, match=words):
            check(*batches, exactly=exactly)
