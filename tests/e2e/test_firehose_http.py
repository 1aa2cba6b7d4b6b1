"""test_firehose_http.py: delivery to an HTTP endpoint, seen from outside: an endpoint that checks each request by AWS's specification, that is down for a
while, and a server that is killed meanwhile."""

import base64
import gzip
import http.server
import json
import threading
import time

import pytest

import streams

S3 = {"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::nowhere"}
KEY = "k3y-of-the-endpoint"


class Endpoint:
    """Takes records, when it is in the mood to; remembers every request and what was wrong with it."""

    def __init__(self):
        self.changed = threading.Condition()
        self.status = 200
        self.requests = []  # (request id, status, records)
        self.wrong = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                outer.take(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/in"

    def check(self, handler, body):
        head = handler.headers
        yield head["X-Amz-Firehose-Protocol-Version"] == "1.0", "version"
        yield head["X-Amz-Firehose-Access-Key"] == KEY, "key"
        yield head["X-Amz-Firehose-Source-Arn"].startswith("arn:aws:firehose:us-east-1:"), "arn"
        yield json.loads(head["X-Amz-Firehose-Common-Attributes"]) == {"commonAttributes": {"env": "test"}}, "attributes"
        yield head["Content-Type"] == "application/json", "type"
        yield head["Content-Encoding"] == "gzip", "encoding"
        yield "Transfer-Encoding" not in head and "Expect" not in head, "framing"
        yield body["requestId"] == head["X-Amz-Firehose-Request-Id"], "id"
        yield isinstance(body["timestamp"], int), "timestamp"
        yield 1 <= len(body["records"]) <= 10000, "count"

    def take(self, handler):
        raw = handler.rfile.read(int(handler.headers["Content-Length"]))
        body = json.loads(gzip.decompress(raw))
        records = [base64.b64decode(record["data"], validate=True) for record in body["records"]]
        answer = json.dumps({"requestId": body["requestId"], "timestamp": int(time.time() * 1000)}).encode()
        with self.changed:
            status = self.status
            self.wrong += [what for fine, what in self.check(handler, body) if not fine]
            self.requests.append((body["requestId"], status, records))
            self.changed.notify_all()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)

    def set(self, status):
        with self.changed:
            self.status = status

    def wait(self, what, seconds=60):
        with self.changed:
            assert self.changed.wait_for(what, seconds), self.requests[-3:]

    def taken(self):
        """Once for each request id: a request may come again (at least once), but then it is the same."""
        requests = {request: records for request, status, records in self.requests if status == 200}
        return [record for records in requests.values() for record in records]


@pytest.fixture
def endpoint():
    it = Endpoint()
    yield it
    it.server.shutdown()
    it.server.server_close()


def client_of(server):
    return streams.client(server.endpoint, key="000000000000", service="firehose")


def configuration(url):
    return {
        "EndpointConfiguration": {"Url": url, "AccessKey": KEY},
        "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0},
        "RequestConfiguration": {"ContentEncoding": "GZIP", "CommonAttributes": [{"AttributeName": "env", "AttributeValue": "test"}]},
        "RetryOptions": {"DurationInSeconds": 7200},
        "S3Configuration": S3,
    }


def test_records_arrive_whatever_happens_on_the_way(new_server, endpoint):
    server = new_server("--delivery-plain-http")
    client = client_of(server)
    client.create_delivery_stream(DeliveryStreamName="d", HttpEndpointDestinationConfiguration=configuration(endpoint.url))
    streams.wait_delivering(client, "d")
    records = [b"record %d" % n for n in range(1000)]

    def put(some):
        answer = client.put_record_batch(DeliveryStreamName="d", Records=[{"Data": data} for data in some])
        assert answer["FailedPutCount"] == 0

    put(records[:500])
    endpoint.wait(lambda: len(endpoint.taken()) >= 500)
    endpoint.set(500)
    put(records[500:])
    endpoint.wait(lambda: endpoint.requests[-1][1] == 500)
    failed = endpoint.requests[-1]
    server.kill()
    server.start()
    client = client_of(server)
    seen = len(endpoint.requests)
    endpoint.wait(lambda: len(endpoint.requests) > seen)
    again = {request: taken for request, _, taken in endpoint.requests[seen:]}
    assert again[failed[0]] == failed[2], "the same request, with the same records"
    endpoint.set(200)
    endpoint.wait(lambda: sorted(endpoint.taken()) == sorted(records))
    assert endpoint.wrong == []


def test_an_update_reaches_what_is_being_retried(new_server, endpoint):
    server = new_server("--delivery-plain-http")
    client = client_of(server)
    client.create_delivery_stream(DeliveryStreamName="d", HttpEndpointDestinationConfiguration=configuration("http://127.0.0.1:1/"))
    version = streams.wait_delivering(client, "d")["VersionId"]
    client.put_record(DeliveryStreamName="d", Record={"Data": b"once"})
    client.update_destination(
        DeliveryStreamName="d", CurrentDeliveryStreamVersionId=version, DestinationId="destinationId-000000000001",
        HttpEndpointDestinationUpdate={"EndpointConfiguration": {"Url": endpoint.url, "AccessKey": KEY}},
    )
    endpoint.wait(lambda: endpoint.taken() == [b"once"])
    assert endpoint.wrong == []
