"""shapes.py: whether an answer is what botocore's own model of the service says: each member known, each required one there, each of
its type, within its bounds and of its enumeration.

botocore passes over what it does not know, and hands out less when something is missing; other SDKs break on it. So the answer is
looked at before botocore parses it. streams.client has it on in every test.
"""

import base64
import json
import re


def complaints(shape, value, at):
    """What is wrong with a value as it stood in JSON; a line each."""
    look = LOOKS.get(shape.type_name)
    if look is None:
        return [f"{at}: no answer has a {shape.type_name}"]
    return look(shape, value, at) or bounds(shape, value, at)


def of_structure(shape, value, at):
    if not isinstance(value, dict):
        return [f"{at}: {value!r} is no structure"]
    found = [f"{at}: {shape.name} has no member {name}" for name in value if name not in shape.members]
    found += [f"{at}: {name} is missing" for name in shape.required_members if name not in value]
    for name, member in shape.members.items():
        if name in value:
            found += complaints(member, value[name], f"{at}.{name}")
    return found


def of_list(shape, value, at):
    if not isinstance(value, list):
        return [f"{at}: {value!r} is no list"]
    return [c for i, one in enumerate(value) for c in complaints(shape.member, one, f"{at}[{i}]")]


def of_string(shape, value, at):
    if not isinstance(value, str):
        return [f"{at}: {value!r} is no string"]
    if shape.enum and value not in shape.enum:
        return [f"{at}: {value!r} is none of {shape.enum}"]
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern, value, re.S):
        return [f"{at}: {value!r} is not like {pattern}"]
    return []


def of_blob(shape, value, at):
    try:
        base64.b64decode(value, validate=True)
    except (TypeError, ValueError):
        return [f"{at}: {value!r} is no base64"]
    return []


def of_kind(kinds, word):
    def look(shape, value, at):
        wrong = not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)
        return [f"{at}: {value!r} is no {word}"] if wrong else []

    return look


LOOKS = {
    "structure": of_structure,
    "list": of_list,
    "string": of_string,
    "blob": of_blob,
    "boolean": of_kind((bool,), "boolean"),
    "integer": of_kind((int,), "integer"),
    "long": of_kind((int,), "long"),
    "timestamp": of_kind((int, float), "time"),
}


# Where AWS itself answers below its model's bounds, which are those of requests: by the end of the place.
AS_ON_AWS = {".FailedRecordCount": 0, "ShardLevelMetrics": []}


def bounds(shape, value, at):
    """Those of the model: of a number its value, of all else its length."""
    if any(at.endswith(end) and value == usual for end, usual in AS_ON_AWS.items()):
        return []
    if shape.type_name in ("structure", "boolean", "timestamp"):
        return []
    size = value if isinstance(value, int) else len(value)
    if shape.type_name == "blob":
        size = len(base64.b64decode(value))
    low, high = shape.metadata.get("min", size), shape.metadata.get("max", size)
    return [] if low <= size <= high else [f"{at}: {size} is not within {low} and {high}"]


def check(operation_model, response_dict, **_):
    """Before botocore parses an answer. Errors have no shape of their own here, and an event stream is no one body."""
    if response_dict["status_code"] != 200 or operation_model.has_event_stream_output:
        return
    body, shape = response_dict["body"], operation_model.output_shape
    if shape is None:
        assert body == b"", f"{operation_model.name} has no output, yet answers {body!r}"
        return
    found = complaints(shape, json.loads(body), operation_model.name)
    assert not found, "\n".join(found)


def watch(client):
    client.meta.events.register("before-parse.kinesis", check)
    return client
