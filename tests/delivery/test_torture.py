"""test_torture.py: the torture in short; `./dev delivery` has it in full."""

import pytest
from torture import torture

RECORDS, KILLS, S3_KILLS = 10000, 3, 2


@pytest.mark.parametrize("source, compression", [("direct", "GZIP"), ("kinesis", "UNCOMPRESSED")])
def test_every_record_is_in_the_bucket_once_whatever_is_killed(source, compression):
    found = torture(RECORDS, source, compression, KILLS, S3_KILLS)
    assert found["acknowledged"] >= RECORDS


@pytest.mark.parametrize("source, way", [("kinesis", "partitions"), ("direct", "transform")])
def test_what_processors_make_is_there_once_whatever_is_killed(source, way):
    found = torture(RECORDS, source, "UNCOMPRESSED", KILLS, 1, way=way)
    assert found["acknowledged"] >= RECORDS


def test_large_objects_go_in_parts_and_leave_none_behind():
    found = torture(40000, "direct", "UNCOMPRESSED", kills=2, s3_kills=2, hints=(12, 60))
    assert found["largest"] > 8 * 1024 * 1024, found
