"""A real HTTP server in the place of Slack, which answers as it is told."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Slack:
    """What was asked of the server. ``answers`` are given in turn, the last of them again and again: a status with its
    headers, or None to hang until ``release``."""

    address: str = ""
    answers: list[tuple[int, dict[str, str]] | None] = field(default_factory=lambda: [(200, {})])
    texts: list[str] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)


@contextmanager
def slack() -> Iterator[Slack]:
    """A server on a port of its own, stopped at the end."""
    told = Slack()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert (self.path, self.headers["Content-Type"]) == ("/services/secret?x=1", "application/json")
            told.texts.append(body["text"])
            told.at.append(time.monotonic())
            answer = told.answers.pop(0) if len(told.answers) > 1 else told.answers[0]
            if answer is None:
                told.release.wait(30)
                return
            status, headers = answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.address = f"http://127.0.0.1:{server.server_port}/services/secret?x=1"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield told
    finally:
        told.release.set()
        server.shutdown()
        thread.join()
        server.server_close()
