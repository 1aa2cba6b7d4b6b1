"""test_kcl.py: the Kinesis Client Library 3 by polling and by fan-out, leases in moto's DynamoDB; the Kinesis Producer Library."""

import pytest
import toolchains

STEPS = ["create", "read", "take-over", "split", "merge", "parents ended", "aggregated", "shutdown", "delete"]


@pytest.fixture(scope="module")
def kcl(java_trust):
    return [*toolchains.java("kcl"), *java_trust, "Kcl"]


@pytest.mark.whole
@pytest.mark.parametrize("way", ["polling", "fanout"])
def test_kcl(play, kcl, dynamo, way):
    """A worker killed, its leases taken over; a split, a merge, and the KPL's aggregated records; each once and in order."""
    steps = [*STEPS, "fan-out"] if way == "fanout" else STEPS
    play(kcl, way, name=f"kcl-{way}", steps=steps, env={"AWS_ENDPOINT_URL_DYNAMODB": dynamo}, seconds=300)
