"""wire.py: HTTP as bytes on a socket, and AWS signatures made by hand.

The SDKs only ever send what is right; these helpers send what they are told, so that a test can see the exact
answer to what is wrong. Standard library only.
"""

import base64
import datetime
import hashlib
import hmac
import json
import socket
import ssl
import time
import urllib.parse

from server import REGION

TARGET = "Kinesis_20131202."
JSON = "application/x-amz-json-1.1"
CBOR = "application/x-amz-cbor-1.1"
XML_403 = (
    b"<AccessDeniedException>\n"
    b"  <Message>Unable to determine service/operation name to be authorized</Message>\n"
    b"</AccessDeniedException>\n"
)
XML_404 = b"<UnknownOperationException/>\n"


class Answer:
    def __init__(self, status, reason, headers, body):
        self.status, self.reason, self.headers, self.body = status, reason, headers, body

    def __getitem__(self, name):
        return self.headers.get(name.lower())

    def __contains__(self, name):
        return name.lower() in self.headers

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:300]!r}>"


class Closed(Exception):
    """The other side closed, or reset, before a whole answer had come."""


class Connection:
    """A TCP or TLS connection that reads whole answers and keeps what is left over."""

    def __init__(self, port, tls=None, timeout=30, alpn=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.create_default_context(cafile=tls)
            if alpn:
                context.set_alpn_protocols(alpn)
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        try:
            data = self.socket.recv(1 << 20)
        except (ConnectionResetError, BrokenPipeError) as e:
            raise Closed(str(e)) from e
        if not data:
            raise Closed(f"closed after {self.rest[:200]!r}")
        self.rest += data

    def answer(self):
        """Reads one answer, exactly as long as its content-length says (interim 1xx answers are passed over)."""
        while b"\r\n\r\n" not in self.rest:
            self._more()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        _, status, reason = (lines[0] + "  ").split(" ", 2)
        if status == "100":
            return self.answer()
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            assert name.lower() not in headers, f"header {name} twice"
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        while len(self.rest) < length:
            self._more()
        body, self.rest = self.rest[:length], self.rest[length:]
        return Answer(int(status), reason.strip(), headers, body)

    def request(self, method="POST", path="/", headers=(), body=b"", length=True):
        self.send(request_bytes(method, path, headers, body, length))
        return self.answer()

    def ends(self, seconds=10):
        """Whether the other side closes within that time without saying more (what it says is kept in rest)."""
        self.socket.settimeout(seconds)
        try:
            while True:
                self._more()
        except Closed:
            return True
        except (TimeoutError, ssl.SSLError):
            return False


def request_bytes(method, path, headers, body, length=True):
    pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
    names = {n.lower() for n, _ in pairs}
    if "host" not in names:
        pairs.insert(0, ("Host", "localhost"))
    if length and "content-length" not in names and "transfer-encoding" not in names:
        pairs.append(("Content-Length", str(len(body))))
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in pairs) + "\r\n"
    return head.encode("latin-1") + body


def once(server, method="POST", path="/", headers=(), body=b"", tls=None):
    with Connection(server.port, tls=tls) as c:
        return c.request(method, path, headers, body)


# -- signatures ---------------------------------------------------------------------------------------


def amz_date(moment=None):
    moment = moment or datetime.datetime.now(datetime.timezone.utc)
    return moment.strftime("%Y%m%dT%H%M%SZ")


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _key(secret, day, region, service):
    return _hmac(
        _hmac(_hmac(_hmac(("AWS4" + secret).encode(), day), region), service), "aws4_request"
    )


def _signature(secret, stamp, scope, canonical):
    day, region, service, _ = scope.split("/")
    text = "\n".join(
        ["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()]
    )
    return hmac.new(_key(secret, day, region, service), text.encode(), hashlib.sha256).hexdigest()


def sign(
    headers,
    body,
    key,
    secret,
    stamp=None,
    region=REGION,
    service="kinesis",
    path="/",
    method="POST",
    separator=", ",
):
    """`headers` and what must be added to them so that they are signed."""
    stamp = stamp or amz_date()
    headers = dict(headers)
    headers.setdefault("Host", "localhost")
    headers["X-Amz-Date"] = stamp
    low = {n.lower(): " ".join(str(v).split()) for n, v in headers.items()}
    names = ";".join(sorted(low))
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    canonical = "\n".join(
        [
            method,
            path,
            "",
            *(f"{n}:{low[n]}" for n in sorted(low)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    signature = _signature(secret, stamp, scope, canonical)
    headers["Authorization"] = "AWS4-HMAC-SHA256 " + separator.join(
        [f"Credential={key}/{scope}", f"SignedHeaders={names}", f"Signature={signature}"]
    )
    return headers


def presign(headers, body, key, secret, stamp=None, region=REGION, expires=300):
    """The query string that signs a POST to / with those headers."""
    stamp = stamp or amz_date()
    low = {"host": "localhost", **{n.lower(): v for n, v in headers.items()}}
    names = ";".join(sorted(low))
    scope = f"{stamp[:8]}/{region}/kinesis/aws4_request"
    query = urllib.parse.urlencode(
        sorted(
            {
                "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
                "X-Amz-Credential": f"{key}/{scope}",
                "X-Amz-Date": stamp,
                "X-Amz-Expires": str(expires),
                "X-Amz-SignedHeaders": names,
            }.items()
        ),
        quote_via=urllib.parse.quote,
    )
    canonical = "\n".join(
        [
            "POST",
            "/",
            query,
            *(f"{n}:{low[n]}" for n in sorted(low)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    return f"{query}&X-Amz-Signature={_signature(secret, stamp, scope, canonical)}"


def dev_headers(operation, target=TARGET, content_type=JSON):
    """The headers of a call to a --dev server, which takes any credentials as long as they are complete."""
    stamp = amz_date()
    return {
        "X-Amz-Target": target + operation,
        "Content-Type": content_type,
        "X-Amz-Date": stamp,
        "Authorization": f"AWS4-HMAC-SHA256 Credential=dev/{stamp[:8]}/us-east-1/kinesis/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64,
    }


def call(server, operation, members, connection=None):
    """One JSON call to a --dev server: the status, and the answer's object (None when empty)."""
    body = members if isinstance(members, bytes) else json.dumps(members).encode()
    if connection:
        got = connection.request(headers=dev_headers(operation), body=body)
    else:
        got = once(server, headers=dev_headers(operation), body=body)
    return got.status, json.loads(got.body) if got.body else None


def b64(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def serves(server):
    """The server still answers somebody else, and promptly."""
    begun = time.monotonic()
    status, _ = call(server, "ListStreams", {})
    return status == 200 and time.monotonic() - begun < 5
