"""test_account_settings.py: the billing commitment of an account, through boto3."""

import datetime

from streams import client, refused


def commitment(answer):
    return answer["MinimumThroughputBillingCommitment"]


def update(kinesis, status):
    return commitment(
        kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": status})
    )


def test_a_commitment_is_made_ended_and_kept_by_account_and_region(new_server):
    server = new_server()
    ours = client(server.endpoint, key="111111111111")
    assert commitment(ours.describe_account_settings()) == {"Status": "DISABLED"}
    made = update(ours, "ENABLED")
    assert made["Status"] == "ENABLED"
    assert made["EarliestAllowedEndAt"] - made["StartedAt"] == datetime.timedelta(hours=24)
    assert update(ours, "DISABLED")["Status"] == "ENABLED_UNTIL_EARLIEST_ALLOWED_END"
    assert update(ours, "ENABLED") == made
    for other in (
        client(server.endpoint, key="222222222222"),
        client(server.endpoint, key="111111111111", region="eu-west-1"),
    ):
        assert commitment(other.describe_account_settings()) == {"Status": "DISABLED"}
    server.restart(kill=True)
    ours = client(server.endpoint, key="111111111111")
    assert commitment(ours.describe_account_settings()) == made


def test_a_status_must_be_one_of_two(kinesis):
    code, words = refused(
        kinesis.update_account_settings, MinimumThroughputBillingCommitment={"Status": "ON"}
    )
    assert code == "ValidationException"
    assert "[ENABLED, DISABLED]" in words
