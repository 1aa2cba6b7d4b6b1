"""test_frameworks.py: the Kinesis sources of Flink and Spark, each in one process."""

import pytest
import toolchains
from server import REGION

STEPS = ["create", "read", "split", "merge", "delete"]


@pytest.fixture(scope="module")
def flink(java_trust):
    return [*toolchains.java("flink"), *java_trust, *toolchains.OPEN, "Flink"]


@pytest.mark.whole
@pytest.mark.parametrize("way", ["polling", "efo", "source"])
def test_flink(play, flink, way):
    """Flink's connector: written by its sink; read by polling, by fan-out, and by the newer source."""
    play(flink, way, name=f"flink-{way}", steps=[*STEPS, "put", "update shard count", *(["fan-out"] if way == "efo" else [])])


REGIONS = """<XML><Regions><Region><Name>{region}</Name><Domain>amazonaws.com</Domain>
<Endpoint><ServiceName>dynamodb</ServiceName><Http>false</Http><Https>true</Https><Hostname>{host}</Hostname></Endpoint>
</Region></Regions></XML>"""


@pytest.fixture(scope="module")
def spark(java_trust, dynamo_tls, tmp_path_factory):
    regions = tmp_path_factory.mktemp("spark") / "regions.xml"
    regions.write_text(REGIONS.format(region=REGION, host=dynamo_tls.removeprefix("https://")))
    named = f"-Dcom.amazonaws.regions.RegionUtils.fileOverride={regions}"
    return [*toolchains.java("spark"), *java_trust, *toolchains.OPEN, named, "Spark"]


@pytest.mark.whole
def test_spark(play, spark):
    """Spark's Kinesis source, which reads by the Kinesis Client Library 1."""
    play(spark, name="spark", steps=STEPS, seconds=600)
