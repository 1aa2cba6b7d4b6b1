"""test_tls.py: TLS by the local CA, and plain HTTP beside it on one port."""

import os
import signal
import socket
import ssl
import stat

import botocore.exceptions
import pytest

from streams import client, until, wait_active
from wire import Connection, Closed, dev_headers, once


@pytest.fixture(scope="module")
def guarded(data_root):
    from server import Server

    one = Server(data=os.path.join(data_root, "tls-only"), dev=False).start()
    yield one
    one.stop()


def test_boto3_puts_and_reads_over_tls_with_the_ca(guarded):
    kinesis = client(guarded.tls_endpoint, *guarded.root_key(), verify=guarded.ca)
    kinesis.create_stream(StreamName="s", ShardCount=1)
    wait_active(kinesis, "s")
    for n in range(20):
        kinesis.put_record(StreamName="s", Data=bytes([n]) * n * 5000, PartitionKey="k")
    at = kinesis.get_shard_iterator(StreamName="s", ShardId="0", ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    assert [r["Data"] for r in kinesis.get_records(ShardIterator=at)["Records"]] == [
        bytes([n]) * n * 5000 for n in range(20)
    ]


def test_aws_ca_bundle_is_enough(guarded, monkeypatch):
    monkeypatch.setenv("AWS_CA_BUNDLE", guarded.ca)
    assert client(guarded.tls_endpoint, *guarded.root_key()).describe_limits()["ShardLimit"] > 0


def test_without_the_ca_nobody_trusts_it(guarded):
    with pytest.raises(botocore.exceptions.SSLError):
        client(guarded.tls_endpoint, *guarded.root_key()).list_streams()


def test_the_certificate_is_good_for_localhost_and_loopback(guarded):
    context = ssl.create_default_context(cafile=guarded.ca)
    for name in ("localhost", "127.0.0.1"):
        with socket.create_connection(("127.0.0.1", guarded.port)) as s:
            with context.wrap_socket(s, server_hostname=name) as t:
                assert t.version() in ("TLSv1.2", "TLSv1.3")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_refused(guarded):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", guarded.port)) as s:
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            context.wrap_socket(s)


def test_plain_http_is_not_served_without_being_asked_for(guarded):
    with Connection(guarded.port) as c:
        c.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            assert c.answer().status >= 300
        except Closed:
            pass
    assert guarded.health() == 200


def test_private_keys_are_for_the_owner_only(guarded):
    folder = guarded.data / "tls"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("ca.key", "server.key"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_plain_and_tls_share_one_port(server):
    plain = client(server.endpoint)
    tls = client(server.tls_endpoint, verify=server.ca)
    plain.create_stream(StreamName="both", ShardCount=1)
    wait_active(tls, "both")
    for n in range(5):
        (plain, tls)[n % 2].put_record(StreamName="both", Data=b"x", PartitionKey="k")
    at = tls.get_shard_iterator(StreamName="both", ShardId="0", ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    assert len(plain.get_records(ShardIterator=at)["Records"]) == 5
    plain.delete_stream(StreamName="both")


def test_bytes_over_tls_are_those_over_plain(server):
    got = once(server, "POST", headers=dev_headers("ListStreams"), body=b"{}", tls=server.ca)
    assert got.status == 200 and "StreamNames" in got.json()


def test_alpn_chooses_h2_where_it_is_offered_and_http_1_1_else(server):
    for offer in (["h2", "http/1.1"], ["http/1.1", "h2"], ["h2"]):
        with Connection(server.port, tls=server.ca, alpn=offer) as c:
            assert c.socket.selected_alpn_protocol() == "h2"
    with Connection(server.port, tls=server.ca, alpn=["http/1.1"]) as c:
        assert c.socket.selected_alpn_protocol() in ("http/1.1", None)
        assert c.request(headers=dev_headers("ListStreams"), body=b"{}").status == 200
    with pytest.raises((ssl.SSLError, ConnectionResetError, Closed)):
        with Connection(server.port, tls=server.ca, alpn=["mqtt"]) as c:
            c.request(headers=dev_headers("ListStreams"), body=b"{}")
    assert server.health() == 200


def test_a_hello_may_come_in_pieces_and_holds_up_nobody(server):
    hello = client_hello()
    with Connection(server.port) as c:
        for n in range(0, len(hello) - 1, 16):
            c.send(hello[n : min(n + 16, len(hello) - 1)])
            assert n % 64 or server.health() == 200
        c.send(hello[-1:])
        c._more()
        assert c.rest[0] == 0x16, "a ServerHello"


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    try:
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def test_the_ca_outlives_restarts(guarded):
    before = open(guarded.ca).read()
    guarded.restart()
    assert open(guarded.ca).read() == before
    assert client(guarded.tls_endpoint, *guarded.root_key(), verify=guarded.ca).list_streams()


def test_sighup_takes_a_new_certificate_while_serving(guarded, new_server, data_root):
    """Another server's certificate and key, put in the place of ours."""
    other = new_server(dev=False)
    folder = os.path.join(data_root, "operator")
    os.makedirs(folder, exist_ok=True)

    def install(source):
        for name in ("server.pem", "server.key"):
            data = open(os.path.join(source.data, "tls", name), "rb").read()
            with open(os.path.join(folder, name + ".new"), "wb") as f:
                f.write(data)
            os.chmod(os.path.join(folder, name + ".new"), 0o600)
            os.replace(os.path.join(folder, name + ".new"), os.path.join(folder, name))

    install(guarded)
    one = new_server(
        "--tls-certificate",
        os.path.join(folder, "server.pem"),
        "--tls-key",
        os.path.join(folder, "server.key"),
        dev=False,
    )
    key = one.root_key()
    assert "StreamNames" in client(one.tls_endpoint, *key, verify=guarded.ca).list_streams()
    install(other)
    one.process.send_signal(signal.SIGHUP)

    def trusted_by_the_other():
        try:
            return client(one.tls_endpoint, *key, verify=other.ca).list_streams()
        except botocore.exceptions.SSLError:
            return None

    until(trusted_by_the_other, 20, "the new certificate")
