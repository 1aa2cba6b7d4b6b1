"""test_retention.py: IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod.

That records past retention vanish is shown by the unit tests, which hand in the clock."""

import pytest

from server import ACCOUNT
from streams import read_shard, refused, wait_active


def hours(kinesis, name):
    wait_active(kinesis, name)
    return kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"][
        "RetentionPeriodHours"
    ]


def test_retention_goes_up_and_down_and_records_stay(kinesis, stream):
    kinesis.put_record(StreamName=stream, Data=b"x", PartitionKey="k")
    assert hours(kinesis, stream) == 24
    kinesis.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=8760)
    assert hours(kinesis, stream) == 8760
    kinesis.decrease_stream_retention_period(StreamName=stream, RetentionPeriodHours=25)
    assert hours(kinesis, stream) == 25
    kinesis.decrease_stream_retention_period(StreamName=stream, RetentionPeriodHours=24)
    assert hours(kinesis, stream) == 24
    assert [r["Data"] for r in read_shard(kinesis, stream, "0")] == [b"x"]


def test_asking_for_the_present_value_is_fine(kinesis, stream):
    kinesis.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=24)
    wait_active(kinesis, stream)
    kinesis.decrease_stream_retention_period(StreamName=stream, RetentionPeriodHours=24)
    assert hours(kinesis, stream) == 24


@pytest.mark.parametrize(
    "call", ["increase_stream_retention_period", "decrease_stream_retention_period"]
)
def test_bounds_are_told_in_the_words_of_aws(kinesis, stream, call):
    ask = lambda n: refused(getattr(kinesis, call), StreamName=stream, RetentionPeriodHours=n)
    assert ask(23) == (
        "InvalidArgumentException",
        "Minimum allowed retention period is 24 hours. "
        "Requested retention period (23 hours) is too short.",
    )
    assert ask(9999) == (
        "InvalidArgumentException",
        "Maximum allowed retention period is 8760 hours. "
        "Requested retention period (9999 hours) is too long.",
    )


def test_the_wrong_direction_is_refused(kinesis, stream):
    assert refused(
        kinesis.decrease_stream_retention_period, StreamName=stream, RetentionPeriodHours=25
    ) == (
        "InvalidArgumentException",
        f"Requested retention period (25 hours) for stream {stream} can not be longer than existing retention period "
        "(24 hours). Use IncreaseRetentionPeriod API.",
    )
    kinesis.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=48)
    wait_active(kinesis, stream)
    assert refused(
        kinesis.increase_stream_retention_period, StreamName=stream, RetentionPeriodHours=47
    ) == (
        "InvalidArgumentException",
        f"Requested retention period (47 hours) for stream {stream} can not be shorter than existing retention period "
        "(48 hours). Use DecreaseRetentionPeriod API.",
    )


def test_an_unknown_stream_has_no_retention(kinesis):
    for call in (
        kinesis.increase_stream_retention_period,
        kinesis.decrease_stream_retention_period,
    ):
        assert refused(call, StreamName="nobody", RetentionPeriodHours=48) == (
            "ResourceNotFoundException",
            f"Stream nobody under account {ACCOUNT} not found.",
        )
