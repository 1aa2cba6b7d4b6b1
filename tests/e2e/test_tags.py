"""test_tags.py: tags of streams through boto3, by name and by ARN."""

from streams import arn, client, refused

INVALID = "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @."


def tags(kinesis, name, **members):
    got = kinesis.list_tags_for_stream(StreamName=name, **members)
    return [(t["Key"], t["Value"]) for t in got["Tags"]], got["HasMoreTags"]


def test_tags_are_added_listed_in_order_and_removed(kinesis, make_stream):
    name = make_stream(Tags={"first": "1"})
    kinesis.add_tags_to_stream(StreamName=name, Tags={"ü": "3", "Z": "", "first": "2"})
    assert tags(kinesis, name) == ([("Z", ""), ("first", "2"), ("ü", "3")], False)
    assert tags(kinesis, name, Limit=2) == ([("Z", ""), ("first", "2")], True)
    assert tags(kinesis, name, ExclusiveStartTagKey="first") == ([("ü", "3")], False)
    kinesis.remove_tags_from_stream(StreamName=name, TagKeys=["Z", "unknown"])
    assert tags(kinesis, name) == ([("first", "2"), ("ü", "3")], False)


def test_both_families_share_one_store(kinesis, stream):
    at = arn(stream)
    kinesis.tag_resource(ResourceARN=at, Tags={"a": "1", "b": "2"})
    kinesis.untag_resource(ResourceARN=at, TagKeys=["a"])
    assert tags(kinesis, stream) == ([("b", "2")], False)
    kinesis.add_tags_to_stream(StreamARN=at, Tags={"c": "3"})
    got = kinesis.list_tags_for_resource(ResourceARN=at)["Tags"]
    assert got == [{"Key": "b", "Value": "2"}, {"Key": "c", "Value": "3"}]


def test_what_a_tag_may_be_is_said_in_the_services_words(kinesis, stream):
    def add(**given):
        return refused(kinesis.add_tags_to_stream, StreamName=stream, Tags=given)

    assert add(a="b,c") == ("InvalidArgumentException", INVALID)
    assert add(a="50%") == (
        "InvalidArgumentException",
        f"Failed to add tags to stream {stream} under account 000000000000 because some tags contained illegal "
        "characters. The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'.",
    )
    assert add(**{f"k{n}": "" for n in range(51)})[1].endswith("50 tags associated with it.")
    assert add(a="x" * 257)[0] == "ValidationException"
    assert add(**{"x" * 129: ""})[0] == "ValidationException"
    assert add()[0] == "ValidationException"
    assert tags(kinesis, stream) == ([], False)


def test_tags_outlive_a_restart_and_a_kill(new_server):
    server = new_server()
    kinesis = client(server.endpoint)
    kinesis.create_stream(StreamName="s", ShardCount=1, Tags={"a": "1"})
    kinesis.add_tags_to_stream(StreamName="s", Tags={"b": "2"})
    server.restart(kill=True)
    assert tags(client(server.endpoint), "s") == ([("a", "1"), ("b", "2")], False)


def test_a_consumer_has_tags_of_its_own(new_server):
    server = new_server()
    kinesis = client(server.endpoint)
    kinesis.create_stream(StreamName="s", ShardCount=1, Tags={"a": "its own"})
    at = kinesis.register_stream_consumer(StreamARN=arn("s"), ConsumerName="c", Tags={"a": "1", "b": "2"})[
        "Consumer"
    ]["ConsumerARN"]
    kinesis.tag_resource(ResourceARN=at, Tags={"c": "3"})
    kinesis.untag_resource(ResourceARN=at, TagKeys=["a"])
    server.restart(kill=True)
    kinesis = client(server.endpoint)
    assert kinesis.list_tags_for_resource(ResourceARN=at)["Tags"] == [
        {"Key": "b", "Value": "2"},
        {"Key": "c", "Value": "3"},
    ]
    assert tags(kinesis, "s") == ([("a", "its own")], False)
    kinesis.deregister_stream_consumer(ConsumerARN=at)
    assert refused(kinesis.list_tags_for_resource, ResourceARN=at)[0] == "ResourceNotFoundException"
