"""test_groups.py: consumer groups as a client in any language meets them: signed calls, real time, SIGKILL."""

import json
import threading
import time

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.httpsession
import pytest

from server import REGION
from streams import client, split, until, wait_active, wait_gone
from wire import Closed, Connection, dev_headers

OURS = "Sluice_20261101."


class Refused(Exception):
    def __init__(self, answer):
        super().__init__(answer.get("message"))
        self.name = answer["__type"]


def ask(connection, operation, **members):
    got = connection.request(
        headers=dev_headers(operation, OURS), body=json.dumps(members).encode()
    )
    answer = json.loads(got.body) if got.body else {}
    if got.status != 200:
        raise Refused(answer)
    return answer


class Member:
    """One of the group "g" of a stream, over a connection of its own."""

    def __init__(self, server, stream, name, **settings):
        self.server, self.who = server, {"StreamName": stream, "GroupName": "g", "MemberName": name}
        self.connection = Connection(server.port)
        self.who["SessionEpoch"] = self.call("Join", **settings)["SessionEpoch"]

    def call(self, verb, **members):
        return ask(self.connection, f"{verb}ConsumerGroup", **self.who, **members)

    def again(self):
        self.connection.close()
        self.connection = Connection(self.server.port)

    def leases(self, *released):
        released = [{"ShardId": i, "LeaseEpoch": e} for i, e in released]
        return {l["ShardId"]: l for l in self.call("Heartbeat", Released=released)["Leases"]}

    def settle(self):
        """Gives back what is to be given back."""
        mine = self.leases()
        return self.leases(*((i, l["LeaseEpoch"]) for i, l in mine.items() if l["Revoked"]))

    def commit(self, shard, epoch, number, sub=0):
        one = {"ShardId": shard, "LeaseEpoch": epoch, "SequenceNumber": number}
        answer = self.call("Commit", Commits=[{**one, "SubSequenceNumber": sub}])
        return answer["Results"][0].get("ErrorCode")


def describe(server, stream):
    with Connection(server.port) as c:
        answer = ask(c, "DescribeConsumerGroup", StreamName=stream, GroupName="g")
    return answer["ConsumerGroupDescription"]


@pytest.fixture
def members(server, make_stream):
    """Members of groups on the shared server, each with a stream of that many shards."""
    made = []

    def make(stream, name, **settings):
        made.append(Member(server, stream, name, **settings))
        return made[-1]

    yield make
    for member in made:
        member.connection.close()


def test_shares_are_even_and_move_when_a_member_is_silent(make_stream, members):
    stream = make_stream(7)
    a = members(stream, "a", SessionTimeoutMs=60000)
    assert len(a.leases()) == 7
    b = members(stream, "b", SessionTimeoutMs=60000)
    c = members(stream, "c", SessionTimeoutMs=1000)
    a.settle()
    shares = [len(m.leases()) for m in (a, b, c)]
    assert sorted(shares) == [2, 2, 3]
    began = time.monotonic()
    until(lambda: len(a.leases()) + len(b.leases()) == 7)
    assert 0.9 < time.monotonic() - began < 3
    with pytest.raises(Refused) as refused:
        c.leases()
    assert refused.value.name == "FencedException"


def test_a_share_is_taken_when_its_owner_does_not_let_go(make_stream, members):
    stream = make_stream(2)
    a = members(stream, "a", SessionTimeoutMs=60000, HandoverMs=500)
    b = members(stream, "b", SessionTimeoutMs=60000)
    before = a.leases()
    until(lambda: b.leases())
    (shard, taken) = b.leases().popitem()
    assert taken["LeaseEpoch"] > before[shard]["LeaseEpoch"]
    assert a.commit(shard, before[shard]["LeaseEpoch"], "SHARD_END") == "FencedException"
    assert b.commit(shard, taken["LeaseEpoch"], "SHARD_END") is None


def test_a_split_hands_its_children_out_when_the_parent_has_ended(kinesis, make_stream, members):
    stream = make_stream(1)
    put = kinesis.put_record(StreamName=stream, Data=b"x", PartitionKey="k")
    a = members(stream, "a", SessionTimeoutMs=60000)
    (shard, lease) = a.leases().popitem()
    assert a.commit(shard, lease["LeaseEpoch"], put["SequenceNumber"], sub=3) is None
    assert a.leases()[shard]["Checkpoint"] == {
        "SequenceNumber": put["SequenceNumber"],
        "SubSequenceNumber": 3,
    }
    assert a.commit(shard, lease["LeaseEpoch"], put["SequenceNumber"], sub=2) == (
        "InvalidArgumentException"
    )
    split(kinesis, stream, shard)
    assert list(a.leases()) == [shard]
    assert a.commit(shard, lease["LeaseEpoch"], "SHARD_END") is None
    children = a.leases()
    assert len(children) == 2 and shard not in children
    for child in children.values():
        assert child["Checkpoint"]["SequenceNumber"] == "TRIM_HORIZON"


def test_a_deleted_stream_takes_its_groups_along(new_server):
    server = new_server()
    kinesis = client(server.endpoint)
    for _ in range(2):
        kinesis.create_stream(StreamName="s", ShardCount=1)
        wait_active(kinesis, "s")
        with Connection(server.port) as c:
            assert ask(c, "ListConsumerGroups", StreamName="s") == {"ConsumerGroups": []}
        Member(server, "s", "a").connection.close()
        kinesis.delete_stream(StreamName="s")
        wait_gone(kinesis, "s")
        with Connection(server.port) as c, pytest.raises(Refused) as refused:
            ask(c, "DescribeConsumerGroup", StreamName="s", GroupName="g")
        assert refused.value.name == "ResourceNotFoundException"
        server.restart()


def signed(server, key, operation, members):
    """As boto3 would send it, if it knew the operation."""
    request = botocore.awsrequest.AWSRequest(
        "POST",
        server.endpoint + "/",
        data=json.dumps(members).encode(),
        headers={
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": OURS + operation,
        },
    )
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(*key), "kinesis", REGION).add_auth(
        request
    )
    answer = botocore.httpsession.URLLib3Session().send(request.prepare())
    return answer.status_code, json.loads(answer.content) if answer.content else None


def test_calls_are_signed(new_server):
    server = new_server("--plain", dev=False)
    key = server.root_key()
    kinesis = client(server.endpoint, *key)
    kinesis.create_stream(StreamName="s", ShardCount=1)
    wait_active(kinesis, "s")
    asked = {"StreamName": "s", "GroupName": "g"}
    assert signed(server, key, "CreateConsumerGroup", asked) == (200, None)
    status, answer = signed(server, (key[0], "wrong"), "DescribeConsumerGroup", asked)
    assert (status, answer["__type"]) == (400, "InvalidSignatureException")
    status, answer = signed(server, key, "DescribeConsumerGroup", asked)
    assert status == 200
    assert answer["ConsumerGroupDescription"]["StreamARN"].endswith("stream/s")


class Committer(threading.Thread):
    """Commits ever later times to all its leases, as fast as it can, whatever happens to the server."""

    def __init__(self, member):
        super().__init__()
        self.member, self.stopping, self.problem = member, threading.Event(), None
        self.leases = member.settle()
        self.sent, self.acknowledged = 0, 0

    def run(self):
        while not self.stopping.is_set() and not self.problem:
            self.sent += 1
            commits = [
                {
                    "ShardId": shard,
                    "LeaseEpoch": lease["LeaseEpoch"],
                    "SequenceNumber": "AT_TIMESTAMP",
                    "SubSequenceNumber": self.sent,
                }
                for shard, lease in self.leases.items()
            ]
            try:
                answer = self.member.call("Commit", Commits=commits)
                self.acknowledged = self.sent
                if answer["FailedCommitCount"]:
                    self.problem = answer
            except Refused as refused:
                self.problem = refused.name
            except (OSError, Closed):
                self.come_back()

    def come_back(self):
        while not self.stopping.is_set():
            try:
                self.member.again()
                return
            except OSError:
                time.sleep(0.02)  # nobody may be listening now


def test_nothing_acknowledged_is_lost_by_sigkill(new_server):
    server = new_server()
    kinesis = client(server.endpoint)
    kinesis.create_stream(StreamName="s", ShardCount=8)
    wait_active(kinesis, "s")
    members = [Member(server, "s", name, SessionTimeoutMs=60000) for name in "abcd"]
    for member in members:
        member.settle()
    committers = [Committer(member) for member in members]
    assert sorted(len(c.leases) for c in committers) == [2, 2, 2, 2]
    for c in committers:
        c.start()
    for _ in range(3):
        marks = [c.acknowledged + 20 for c in committers]
        until(lambda: all(c.problem or c.acknowledged >= m for c, m in zip(committers, marks)))
        server.restart(kill=True)
    for c in committers:
        c.stopping.set()
        c.join()
        assert c.problem is None
    kept = {l["ShardId"]: l for l in describe(server, "s")["Leases"]}
    for c in committers:
        for shard, lease in c.leases.items():
            assert kept[shard]["LeaseEpoch"] == lease["LeaseEpoch"]
            assert kept[shard]["MemberName"] == c.member.who["MemberName"]
            assert c.acknowledged <= kept[shard]["Checkpoint"]["SubSequenceNumber"] <= c.sent
        c.member.again()
        assert len(c.member.leases()) == 2
