"""lossy.py: a proxy that loses answers: the request went through, the server answered, and the client finds its connection closed."""

import socket
import threading


def read_message(sock, rest=b""):
    """One HTTP/1.1 message with a Content-Length, and what came behind it; (None, b"") when the connection ended before it."""
    while b"\r\n\r\n" not in rest:
        more = sock.recv(65536)
        if not more:
            return None, b""
        rest += more
    head, _ = rest.split(b"\r\n\r\n", 1)
    length = next(
        (
            int(line.split(b":", 1)[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ),
        0,
    )
    end = len(head) + 4 + length
    while len(rest) < end:
        more = sock.recv(65536)
        if not more:
            return None, b""
        rest += more
    return rest[:end], rest[end:]


class LossyProxy:
    """`loses(request)` is asked for each request, in bytes, once it was answered: whether its answer is lost."""

    def __init__(self, port, loses):
        self.upstream, self.loses = port, loses
        self.lost = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        rest = b""
        with client, socket.create_connection(("127.0.0.1", self.upstream)) as server:
            while True:
                request, rest = read_message(client, rest)
                if request is None:
                    return
                server.sendall(request)
                answer, _ = read_message(server)
                if answer is None:
                    return
                if self.loses(request):
                    self.lost += 1
                    return
                client.sendall(answer)

    def close(self):
        self.listener.close()
