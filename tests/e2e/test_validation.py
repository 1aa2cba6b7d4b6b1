"""test_validation.py: wrong types and broken bounds, told in the words of AWS. Types come first, then bounds, then the operation's own checks."""

import re

import pytest

from wire import b64, call

NUMBER = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String"
LIST = "Start of list found where not expected"
MAP = "Start of structure or map found where not expected."


def serialization(server, operation, members):
    status, got = call(server, operation, members)
    assert status == 400 and got["__type"] == "SerializationException", got
    assert set(got) == {"__type", "Message"}
    return got["Message"]


@pytest.mark.parametrize(
    "operation, member, java",
    [
        ("DescribeStream", "StreamName", "String"),
        ("DescribeStream", "StreamARN", "String"),
        ("DescribeStream", "ExclusiveStartShardId", "String"),
        ("PutRecord", "PartitionKey", "String"),
        ("PutRecord", "ExplicitHashKey", "String"),
        ("GetRecords", "ShardIterator", "String"),
        ("GetShardIterator", "ShardIteratorType", "String"),
        ("SplitShard", "NewStartingHashKey", "String"),
    ],
)
def test_a_string_must_be_a_string(server, operation, member, java):
    ask = lambda value: serialization(server, operation, {member: value})
    assert ask(True) == "class java.lang.Boolean can not be converted to an String"
    for number in (23, -2147483648, 2147483648, 34.56, 1e300):
        assert ask(number) == NUMBER
    assert ask(["a"]) == LIST
    assert ask([]) == LIST
    assert ask({"a": 1}) == MAP
    assert ask({}) == MAP


@pytest.mark.parametrize(
    "operation, member",
    [
        ("CreateStream", "ShardCount"),
        ("DescribeStream", "Limit"),
        ("GetRecords", "Limit"),
        ("ListShards", "MaxResults"),
        ("IncreaseStreamRetentionPeriod", "RetentionPeriodHours"),
        ("DecreaseStreamRetentionPeriod", "RetentionPeriodHours"),
    ],
)
def test_an_integer_must_be_a_number(server, operation, member):
    ask = lambda value: serialization(server, operation, {member: value})
    assert ask("23") == "class java.lang.String can not be converted to an Integer"
    assert ask(True) == "class java.lang.Boolean can not be converted to an Integer"
    assert ask([1]) == LIST
    assert ask({}) == MAP


def test_a_timestamp_must_be_a_number(server):
    ask = lambda value: serialization(server, "GetShardIterator", {"Timestamp": value})
    assert ask("2015-01-01").startswith(
        "class java.lang.String can not be converted to milliseconds since epoch"
    )
    assert ask(True) == "class java.lang.Boolean can not be converted to milliseconds since epoch"
    assert ask([]) == LIST
    assert ask({}) == MAP


@pytest.mark.parametrize(
    "text, words",
    [
        (
            "23456",
            "'23456' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 5",
        ),
        ("=+/=", "'=+/=' can not be converted to a Blob: Invalid Base64 character: '='"),
        (
            "+/+=",
            "'+/+=' can not be converted to a Blob: Invalid last non-pad Base64 character dectected",
        ),
    ],
)
def test_a_blob_must_be_base64(server, text, words):
    assert serialization(server, "PutRecord", {"Data": text}) == words
    assert serialization(server, "PutRecords", {"Records": [{"Data": text}]}) == words


@pytest.mark.parametrize("value", ["x", 23, True])
def test_a_list_must_be_a_list(server, value):
    assert serialization(server, "PutRecords", {"Records": value}) == "Expected list or null"


@pytest.mark.parametrize("value", ["x", 23, True])
def test_a_structure_must_be_one(server, value):
    assert serialization(server, "ListShards", {"ShardFilter": value}) == "Expected null"
    assert serialization(server, "PutRecords", {"Records": [value]}) == "Expected null"


@pytest.mark.parametrize("value", ["x", 23, True])
def test_a_map_must_be_one(server, value):
    assert serialization(server, "CreateStream", {"Tags": value}) == "Expected map or null"


def test_a_list_is_no_structure_and_a_structure_no_list(server):
    assert serialization(server, "PutRecords", {"Records": {}}) in (MAP, "Expected list or null")
    assert serialization(server, "ListShards", {"ShardFilter": []}).rstrip(".") in (
        LIST,
        "Expected null",
    )


def test_nulls_and_unknown_members_are_ignored(server):
    members = {
        "Limit": None,
        "Unknown": {"deep": [1, {"x": None}]},
        "another": "x" * 1000,
        "ExclusiveStartStreamName": None,
    }
    status, got = call(server, "ListStreams", members)
    assert status == 200 and "StreamNames" in got


# -- bounds -------------------------------------------------------------------------------------------


def violations(server, operation, members):
    """The complaints, without regard to their order; each as (path, value or None, rule). Long values are cut."""
    status, got = call(server, operation, members)
    assert status == 400 and got["__type"] == "ValidationException", got
    assert set(got) == {"__type", "message"}
    head = re.fullmatch(r"(\d+) validation (errors?) detected: (.*)", got["message"], re.S)
    assert head, got["message"]
    count, noun, rest = int(head[1]), head[2], head[3]
    assert noun == ("error" if count == 1 else "errors")
    one = re.compile(
        r"Value (?:'(.*?)' |(null) )?at '([^']*)' failed to satisfy constraint: (.*?)(?=; Value |$)",
        re.S,
    )
    found = [(m[3], m[1] if m[1] is not None else m[2], m[4]) for m in one.finditer(rest)]
    assert len(found) == count, got["message"]
    return shortened(found)


def shortened(complaints):
    """A long value may be told in part."""
    return {(path, value and value[:64], rule) for path, value, rule in complaints}


NAME_RULE = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
HASH_RULE = r"Member must satisfy regular expression pattern: 0|([1-9]\d{0,38})"
SEQUENCE_RULE = r"Member must satisfy regular expression pattern: 0|([1-9]\d{0,128})"
NULL_RULE = "Member must not be null"


def longest(n):
    return f"Member must have length less than or equal to {n}"


def shortest(n):
    return f"Member must have length greater than or equal to {n}"


def most(n):
    return f"Member must have value less than or equal to {n}"


def least(n):
    return f"Member must have value greater than or equal to {n}"


STREAM_NAME_OPERATIONS = {
    "CreateStream": {"ShardCount": 1},
    "DeleteStream": {},
    "DescribeStream": {},
    "DescribeStreamSummary": {},
    "ListShards": {},
    "PutRecord": {"Data": "", "PartitionKey": "k"},
    "PutRecords": {"Records": [{"Data": "", "PartitionKey": "k"}]},
    "GetShardIterator": {"ShardId": "0", "ShardIteratorType": "LATEST"},
    "SplitShard": {"ShardToSplit": "0", "NewStartingHashKey": "5"},
    "MergeShards": {"ShardToMerge": "0", "AdjacentShardToMerge": "1"},
    "IncreaseStreamRetentionPeriod": {"RetentionPeriodHours": 48},
    "DecreaseStreamRetentionPeriod": {"RetentionPeriodHours": 24},
}


@pytest.mark.parametrize("operation", STREAM_NAME_OPERATIONS)
def test_a_stream_name_keeps_to_its_form_everywhere(server, operation):
    ask = lambda name: violations(
        server, operation, {"StreamName": name, **STREAM_NAME_OPERATIONS[operation]}
    )
    assert ask("abc;") == {("streamName", "abc;", NAME_RULE)}
    assert ask("") == {("streamName", "", NAME_RULE), ("streamName", "", shortest(1))}
    long = "a" * 129
    assert ask(long) == shortened({("streamName", long, longest(128))})
    assert ask("é" * 129) == shortened(
        {("streamName", "é" * 129, longest(128)), ("streamName", "é" * 129, NAME_RULE)}
    )


@pytest.mark.parametrize("operation", [o for o in STREAM_NAME_OPERATIONS if o != "CreateStream"])
@pytest.mark.parametrize(
    "text", ["x", "arn:aws:kinesis:us-east-1:12345:stream/s", "arn:aws:s3:::stream/s"]
)
def test_an_arn_keeps_to_its_form_everywhere(server, operation, text):
    got = violations(server, operation, {"StreamARN": text, **STREAM_NAME_OPERATIONS[operation]})
    assert got == {
        (
            "streamARN",
            text,
            r"Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\d{12}:stream/\S+",
        )
    }


@pytest.mark.parametrize(
    "operation, members, expected",
    [
        ("CreateStream", {}, {("streamName", "null", NULL_RULE)}),
        ("CreateStream", {"StreamName": "s", "ShardCount": 0}, {("shardCount", "0", least(1))}),
        ("CreateStream", {"StreamName": "s", "ShardCount": -5}, {("shardCount", "-5", least(1))}),
        (
            "CreateStream",
            {"StreamName": "s", "StreamModeDetails": {}},
            {("streamModeDetails.streamMode", "null", NULL_RULE)},
        ),
        (
            "CreateStream",
            {"StreamName": "s", "MaxRecordSizeInKiB": 1023},
            {("maxRecordSizeInKiB", "1023", least(1024))},
        ),
        (
            "CreateStream",
            {"StreamName": "s", "MaxRecordSizeInKiB": 10241},
            {("maxRecordSizeInKiB", "10241", most(10240))},
        ),
        ("DescribeStream", {"StreamName": "s", "Limit": 0}, {("limit", "0", least(1))}),
        ("DescribeStream", {"StreamName": "s", "Limit": 10001}, {("limit", "10001", most(10000))}),
        (
            "DescribeStream",
            {"StreamName": "s", "ExclusiveStartShardId": "a b"},
            {("exclusiveStartShardId", "a b", NAME_RULE)},
        ),
        ("ListStreams", {"Limit": 0}, {("limit", "0", least(1))}),
        ("ListStreams", {"Limit": 10001}, {("limit", "10001", most(10000))}),
        (
            "ListStreams",
            {"ExclusiveStartStreamName": ";"},
            {("exclusiveStartStreamName", ";", NAME_RULE)},
        ),
        ("ListStreams", {"NextToken": ""}, {("nextToken", "", shortest(1))}),
        ("ListShards", {"StreamName": "s", "MaxResults": 0}, {("maxResults", "0", least(1))}),
        (
            "ListShards",
            {"StreamName": "s", "MaxResults": 10001},
            {("maxResults", "10001", most(10000))},
        ),
        (
            "ListShards",
            {"StreamName": "s", "ShardFilter": {}},
            {("shardFilter.type", "null", NULL_RULE)},
        ),
        ("ListShards", {"NextToken": ""}, {("nextToken", "", shortest(1))}),
        (
            "PutRecord",
            {"StreamName": "s"},
            {("data", "null", NULL_RULE), ("partitionKey", "null", NULL_RULE)},
        ),
        (
            "PutRecord",
            {"StreamName": "s", "Data": "", "PartitionKey": ""},
            {("partitionKey", "", shortest(1))},
        ),
        (
            "PutRecord",
            {"StreamName": "s", "Data": "", "PartitionKey": "k" * 257},
            {("partitionKey", "k" * 257, longest(256))},
        ),
        (
            "PutRecord",
            {"StreamName": "s", "Data": "", "PartitionKey": "k", "ExplicitHashKey": "01"},
            {("explicitHashKey", "01", HASH_RULE)},
        ),
        (
            "PutRecord",
            {"StreamName": "s", "Data": "", "PartitionKey": "k", "ExplicitHashKey": ""},
            {("explicitHashKey", "", HASH_RULE)},
        ),
        (
            "PutRecord",
            {"StreamName": "s", "Data": "", "PartitionKey": "k", "ExplicitHashKey": "1" * 40},
            {("explicitHashKey", "1" * 40, HASH_RULE)},
        ),
        (
            "PutRecord",
            {"StreamName": "s", "Data": "", "PartitionKey": "k", "SequenceNumberForOrdering": "-1"},
            {("sequenceNumberForOrdering", "-1", SEQUENCE_RULE)},
        ),
        ("PutRecords", {"StreamName": "s"}, {("records", "null", NULL_RULE)}),
        (
            "PutRecords",
            {"StreamName": "s", "Records": [{"Data": "", "PartitionKey": "k"}, {}]},
            {
                ("records.2.member.data", "null", NULL_RULE),
                ("records.2.member.partitionKey", "null", NULL_RULE),
            },
        ),
        (
            "PutRecords",
            {
                "StreamName": "s",
                "Records": [{"Data": "", "PartitionKey": "", "ExplicitHashKey": "x"}],
            },
            {
                ("records.1.member.partitionKey", "", shortest(1)),
                ("records.1.member.explicitHashKey", "x", HASH_RULE),
            },
        ),
        (
            "GetShardIterator",
            {"StreamName": "s"},
            {("shardId", "null", NULL_RULE), ("shardIteratorType", "null", NULL_RULE)},
        ),
        (
            "GetShardIterator",
            {"StreamName": "s", "ShardId": "", "ShardIteratorType": "LATEST"},
            {("shardId", "", NAME_RULE), ("shardId", "", shortest(1))},
        ),
        (
            "GetShardIterator",
            {
                "StreamName": "s",
                "ShardId": "0",
                "ShardIteratorType": "LATEST",
                "StartingSequenceNumber": "x",
            },
            {("startingSequenceNumber", "x", SEQUENCE_RULE)},
        ),
        ("GetRecords", {}, {("shardIterator", "null", NULL_RULE)}),
        ("GetRecords", {"ShardIterator": ""}, {("shardIterator", "", shortest(1))}),
        ("GetRecords", {"ShardIterator": "x" * 513}, {("shardIterator", "x" * 513, longest(512))}),
        ("GetRecords", {"ShardIterator": "x", "Limit": 0}, {("limit", "0", least(1))}),
        ("GetRecords", {"ShardIterator": "x", "Limit": 10001}, {("limit", "10001", most(10000))}),
        (
            "SplitShard",
            {"StreamName": "s"},
            {("shardToSplit", "null", NULL_RULE), ("newStartingHashKey", "null", NULL_RULE)},
        ),
        (
            "SplitShard",
            {"StreamName": "s", "ShardToSplit": "0", "NewStartingHashKey": "x"},
            {("newStartingHashKey", "x", HASH_RULE)},
        ),
        (
            "MergeShards",
            {"StreamName": "s"},
            {("shardToMerge", "null", NULL_RULE), ("adjacentShardToMerge", "null", NULL_RULE)},
        ),
        (
            "IncreaseStreamRetentionPeriod",
            {"StreamName": "s"},
            {("retentionPeriodHours", "null", NULL_RULE)},
        ),
        (
            "DecreaseStreamRetentionPeriod",
            {"StreamName": "s"},
            {("retentionPeriodHours", "null", NULL_RULE)},
        ),
    ],
)
def test_a_broken_bound_is_told(server, operation, members, expected):
    assert violations(server, operation, members) == shortened(expected)


def test_an_unknown_kind_of_iterator_is_told_the_known_ones(server):
    got = violations(
        server, "GetShardIterator", {"StreamName": "s", "ShardId": "0", "ShardIteratorType": "x"}
    )
    ((path, value, rule),) = got
    assert (path, value) == ("shardIteratorType", "x")
    known = re.fullmatch(r"Member must satisfy enum value set: \[(.*)\]", rule)[1].split(", ")
    assert sorted(known) == [
        "AFTER_SEQUENCE_NUMBER",
        "AT_SEQUENCE_NUMBER",
        "AT_TIMESTAMP",
        "LATEST",
        "TRIM_HORIZON",
    ]


@pytest.mark.parametrize(
    "operation, members, path",
    [
        (
            "CreateStream",
            {"StreamName": "s", "StreamModeDetails": {"StreamMode": "X"}},
            "streamModeDetails.streamMode",
        ),
        ("ListShards", {"StreamName": "s", "ShardFilter": {"Type": "X"}}, "shardFilter.type"),
    ],
)
def test_other_unknown_words_are_told_the_known_ones(server, operation, members, path):
    ((where, value, rule),) = violations(server, operation, members)
    assert (where, value) == (path, "X") and rule.startswith(
        "Member must satisfy enum value set: ["
    )


def test_lists_have_bounds(server):
    got = violations(server, "PutRecords", {"StreamName": "s", "Records": []})
    assert {(p, r) for p, _, r in got} == {("records", shortest(1))}
    many = [{"Data": "", "PartitionKey": "k"}] * 501
    got = violations(server, "PutRecords", {"StreamName": "s", "Records": many})
    assert {(p, r) for p, _, r in got} == {("records", longest(500))}


def test_data_over_the_bound_is_told_without_it(server):
    big = b64(bytes(10485761))
    got = violations(server, "PutRecord", {"StreamName": "s", "PartitionKey": "k", "Data": big})
    assert got == {("data", None, longest(10485760))}
    got = violations(
        server, "PutRecords", {"StreamName": "s", "Records": [{"PartitionKey": "k", "Data": big}]}
    )
    assert got == {("records.1.member.data", None, longest(10485760))}


def test_at_most_ten_complaints_are_told(server):
    records = [{"Data": "", "PartitionKey": ""}] * 50
    assert len(violations(server, "PutRecords", {"StreamName": "s", "Records": records})) == 10


def test_integers_are_cut_and_held_to_32_bits(server):
    assert call(server, "ListStreams", {"Limit": 1.9})[0] == 200
    assert violations(server, "ListStreams", {"Limit": 0.9}) == {("limit", "0", least(1))}
    assert violations(server, "ListStreams", {"Limit": 10**12}) == {
        ("limit", "2147483647", most(10000))
    }
    assert violations(server, "ListStreams", {"Limit": -(10**12)}) == {
        ("limit", "-2147483648", least(1))
    }
    assert violations(server, "ListStreams", {"Limit": 1e300}) == {
        ("limit", "2147483647", most(10000))
    }


def test_types_come_before_bounds_and_bounds_before_the_operation(server):
    status, got = call(server, "DescribeStream", {"StreamName": ";", "Limit": "x"})
    assert got["__type"] == "SerializationException"
    status, got = call(
        server,
        "GetShardIterator",
        {"StreamName": "nobody", "ShardId": "0", "ShardIteratorType": "x"},
    )
    assert got["__type"] == "ValidationException"
    status, got = call(
        server,
        "IncreaseStreamRetentionPeriod",
        {"StreamName": "nobody", "RetentionPeriodHours": 23},
    )
    assert status == 400 and got["__type"] in (
        "ResourceNotFoundException",
        "InvalidArgumentException",
    )


def test_a_value_in_a_complaint_is_escaped_and_bounded(server):
    name = 'a"\\\n\U0001f600' + "é" * 200
    status, got = call(server, "DescribeStream", {"StreamName": name})
    assert status == 400 and got["__type"] == "ValidationException"
    assert 'a"\\\n\U0001f600' in got["message"]
