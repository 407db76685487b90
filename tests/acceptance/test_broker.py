"""Broker facts as a user keeps them: from files, from a management API over a socket, and beside a running endpoint."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
import time
from base64 import b64encode
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Protocol

import pytest

from baton.brokers import fetch
from baton.brokers.history import held
from baton.cli import main
from baton.store.reader import Store
from load.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

USER, PASSWORD = "monitor", "s3cret-geheim"
LOGIN = {"BATON_BROKER_USER": USER, "BATON_BROKER_PASSWORD": PASSWORD}
DEADLINE_S = 120.0

METRICS = 'rabbitmq_global_messages_dead_lettered_maxlen_total{dead_letter_strategy="disabled"} 600\n'


def answers(waiting: int = 3) -> dict[str, object]:
    """What a small RabbitMQ says."""
    return {
        "/api/overview": {"rabbitmq_version": "3.10.8"},
        "/api/queues": [
            {
                "name": "notify",
                "vhost": "/",
                "type": "classic",
                "arguments": {"x-max-length": 50},
                "effective_policy_definition": {"max-length": 40},
                "policy": "cap",
                "operator_policy": None,
                "messages": waiting,
                "messages_unacknowledged": 1,
                "consumers": 2,
                "message_stats": {"publish": 9, "ack": 6},
            }
        ],
        "/api/exchanges": [{"name": "trade.events", "vhost": "/", "type": "topic", "arguments": {}}],
        "/api/bindings": [
            {
                "source": "trade.events",
                "vhost": "/",
                "destination": "notify",
                "destination_type": "queue",
                "routing_key": "trade.#",
                "arguments": {},
            }
        ],
        "/api/policies": [],
    }


class Broker:
    """A management API over a real socket, which a test may make behave in any way.

    Attributes:
        answer: given a path without its query, status and body; None holds the request until the broker ends.
        asked: the paths that were asked for, with their `Authorization`.
    """

    def __init__(self, port: int = 0) -> None:
        """Listens; any port unless one is given."""
        self.answer: Callable[[str], tuple[int, bytes, dict[str, str]] | None] = self.normal
        self.said = answers()
        self.asked: list[tuple[str, str | None]] = []
        self.ended = threading.Event()
        broker = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                broker.asked.append((path, self.headers.get("Authorization")))
                answer = broker.answer(path)
                if answer is None:
                    broker.ended.wait(DEADLINE_S)
                    self.close_connection = True
                    return
                status, body, headers = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The root of its API."""
        return f"http://127.0.0.1:{self.port}"

    def normal(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        """As RabbitMQ does; metrics need no login."""
        if path == "/metrics":
            return 200, METRICS.encode(), {}
        if self.asked[-1][1] != f"Basic {b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}":
            return 401, b'{"error":"not_authorised"}', {}
        if path not in self.said:
            return 404, b'{"error":"Object Not Found"}', {}
        return 200, json.dumps(self.said[path]).encode(), {}

    def end(self) -> None:
        """Stops listening."""
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def broker() -> Iterator[Broker]:
    """One, up."""
    with up() as one:
        yield one


@contextmanager
def up(port: int = 0) -> Iterator[Broker]:
    """A broker that is up until the end."""
    one = Broker(port)
    try:
        yield one
    finally:
        one.end()


def baton(store: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`baton` as a user runs it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BATON_")}
    return subprocess.run(
        [sys.executable, "-m", "baton", *arguments, "--store", str(store)],
        env={**clean, "COLUMNS": "160", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_saved_file_is_loaded_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A packed export creates the store; the same again adds nothing; the queue is shown with what its policy sets."""
    monkeypatch.setenv("COLUMNS", "160")
    export = {
        "rabbit_version": "3.10.8",
        "queues": [{"name": "notify", "vhost": "bank", "arguments": {"x-max-length": 50}}],
        "policies": [{"name": "cap", "vhost": "bank", "pattern": "^not", "definition": {"max-length": 40}}],
        "exchanges": [],
        "bindings": [],
    }
    file = tmp_path / "export"
    file.write_bytes(gzip.compress(json.dumps(export).encode()))
    store, load = tmp_path / "store", ("broker", "load", str(file))
    first = baton(store, *load, "--at", "2026-11-24T18:30:00Z")
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == f"Read 1 queue, 1 route, 0 counters into {store}: 4 rows new.\n"

    def says(*arguments: str, code: int = 0) -> str:
        assert main([*arguments, "--store", str(store)]) == code
        return "".join(capsys.readouterr())

    assert says(*load, "--at", "2026-11-24T18:30:00Z").endswith(": nothing new.\n")
    shown = says("broker", "show").splitlines()
    assert shown[2].split() == ["notify", "40", "drop-head", *"-----", "cap"]
    assert shown[-1] == "Looked at 2026-11-24 18:30:00 UTC."
    assert "give its time with --at" in says(*load, code=3)


def test_compact_keeps_what_brokers_said_last(tmp_path: Path) -> None:
    """Past retention goes what was replaced long ago; what still held when it begins stays."""
    (tmp_path / "baton.toml").write_text("retention_days = 1")
    for day, waiting in ((1, 5), (2, 6), (3, 7)):
        said = {"baton_facts": 1, "queues": [{"name": "q", "waiting": waiting}]}
        (tmp_path / "said.json").write_text(json.dumps(said))
        load = ["broker", "load", str(tmp_path / "said.json"), "--at", f"2026-01-0{day}"]
        assert main([*load, "--store", str(tmp_path)]) == 0
    assert main(["compact", "--store", str(tmp_path)]) == 0
    assert Store(tmp_path).facts().filter(fact="queue").get_column("waiting").to_list() == [7]


def test_a_snapshot_keeps_what_the_broker_says(tmp_path: Path, broker: Broker) -> None:
    """Limit, binding, consumers and counters, of the place that the options name; the login goes to the API alone."""
    placed = ("--tenant", "retail", "--environment", "prod", "--address", "rabbit:5672")
    metrics = ("--metrics", f"{broker.url}/metrics")
    done = baton(tmp_path / "store", "broker", "snapshot", f"{broker.url}/", *metrics, *placed, **LOGIN)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Read 1 queue, 2 routes, 1 counter into ")
    known = Store(tmp_path / "store").facts()
    assert known.select("tenant", "environment", "broker", "source").unique().rows() == [
        ("retail", "prod", "rabbit:5672", "management")
    ]
    columns = ["name", "messages_max", "policy", "waiting", "unacknowledged", "consumers", "published", "acknowledged"]
    assert known.filter(fact="queue").select(columns).rows() == [("notify", 40, "cap", 3, 1, 2, 9, 6)]
    bound = known.filter(fact="route", name="trade.events").select("kind", "routing_key", "to")
    assert bound.rows() == [("topic", "trade.#", "notify")]
    assert known.filter(fact="counter").get_column("value").to_list() == [600]
    assert [path for path, login in broker.asked if login is None] == ["/metrics"]


def test_a_user_who_may_not_see_policies_sees_their_effect(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Policies are refused to some; what they come to for a queue is not."""
    for name, value in LOGIN.items():
        monkeypatch.setenv(name, value)
    broker.answer = lambda path: (403, b"{}", {}) if path == "/api/policies" else broker.normal(path)
    assert main(["broker", "snapshot", broker.url, "--store", str(tmp_path)]) == 0
    assert Store(tmp_path).facts().filter(fact="queue").get_column("messages_max").to_list() == [40]


class Refuse(Protocol):
    """Asks for a snapshot that fails; returns what is said of it."""

    def __call__(self, url: str, **environment: str) -> str:
        """With this URL and environment."""


@pytest.fixture
def refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refuse:
    """The snapshot must say why in one line, without the password, and leave no store behind."""

    def refuse(url: str, **environment: str) -> str:
        for name in LOGIN:
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert main(["broker", "snapshot", url, "--store", str(tmp_path / "store")]) in {2, 3}
        output, errors = capsys.readouterr()
        assert (output, errors.count("\n")) == ("", 1)
        assert PASSWORD not in errors
        assert b64encode(PASSWORD.encode()).decode()[:10] not in errors
        assert not (tmp_path / "store").exists()
        return errors

    return refuse


def test_a_broker_that_refuses_is_told(refusal: Refuse, broker: Broker) -> None:
    """A wrong login, none, a place without an API, an error, garbage: what it is, and what to do."""
    assert "refuses this login (401)" in refusal(broker.url, **(LOGIN | {"BATON_BROKER_PASSWORD": "no"}))
    assert "wants a login (401): set $BATON_BROKER_USER" in refusal(broker.url)
    assert "has no /api/overview (404): name the root" in refusal(f"{broker.url}/elsewhere", **LOGIN)
    broker.answer = lambda _: (503, b"down", {})
    assert "answers 503 to /api/overview: see to the broker" in refusal(broker.url, **LOGIN)
    broker.answer = lambda _: (200, b"<html>sign in</html>", {})
    assert "answers no JSON to /api/overview" in refusal(broker.url, **LOGIN)
    broker.answer = lambda _: (200, b'{"queues": 7}', {})
    assert "no queues, exchanges, bindings or policies in it" in refusal(broker.url, **LOGIN)


def test_a_login_does_not_follow_a_redirect(refusal: Refuse, broker: Broker) -> None:
    """A broker that sends elsewhere is refused, and elsewhere nobody asked."""
    with up() as elsewhere:
        broker.answer = lambda path: (302, b"", {"Location": f"{elsewhere.url}{path}"})
        assert "sends elsewhere (302): name that place itself" in refusal(broker.url, **LOGIN)
        assert elsewhere.asked == []


def test_a_login_goes_through_no_proxy(tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that the environment names does not get to see it."""
    with up() as proxy:
        for name, value in {"http_proxy": proxy.url, "HTTP_PROXY": proxy.url, "no_proxy": "", **LOGIN}.items():
            monkeypatch.setenv(name, value)
        assert main(["broker", "snapshot", broker.url, "--store", str(tmp_path / "store")]) == 0
        assert (proxy.asked, bool(broker.asked)) == ([], True)


@pytest.mark.parametrize(
    "url",
    [
        f"http://{USER}:{PASSWORD}@127.0.0.1:1",
        f"http://{PASSWORD}@127.0.0.1:1",
        "ftp://127.0.0.1",
        "rabbit:15672",
        "http://",
        "http://h:x",
    ],
)
def test_a_url_that_is_none_or_names_a_login_is_refused(refusal: Refuse, url: str) -> None:
    """Whoever lists processes reads the command line: a login does not belong there, and no message repeats it."""
    assert "URL" in refusal(url)


def test_a_broker_that_does_not_answer_is_given_up(
    refusal: Refuse, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is away, one that takes a request and says nothing, and one that breaks off."""
    broker.answer = lambda _: (200, b"[]", {"Content-Length": "9", "Connection": "close"})
    assert "cannot be asked (IncompleteRead" in refusal(broker.url, **LOGIN)
    monkeypatch.setattr(fetch, "BROKER_ANSWER_S_MAX", 0.5)
    broker.answer = lambda _: None
    assert "cannot be asked (no whole answer within 0.5 s)" in refusal(broker.url, **LOGIN)
    with up() as gone:
        url = gone.url
    assert "cannot be asked (Connection refused)" in refusal(url, **LOGIN)


def wait_until(holds: Callable[[], bool]) -> None:
    """Returns when it holds; fails after a time that no machine needs."""
    until = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)


def test_serve_looks_at_a_broker_that_comes_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What changes is kept, absence and return are told once each, and `baton broker` works beside it."""
    for name, value in LOGIN.items():
        monkeypatch.setenv(name, value)
    store = tmp_path / "store"

    def waiting() -> list[int]:
        if not (store / "facts").exists():
            return []
        now = held(Store(store).facts(), time.time_ns()).filter(fact="queue", source="management")
        return now.get_column("waiting").to_list()

    with up() as first:
        port = first.port
        server = Server(store, options=("--broker", first.url, "--broker-interval", "1")).wait_ready()
        try:
            wait_until(lambda: waiting() == [3])
            first.said = answers(waiting=7)
            wait_until(lambda: waiting() == [7])
            beside = baton(store, "broker", "snapshot", first.url, **LOGIN)
            assert (beside.returncode, beside.stderr) == (0, "")
            first.end()
            wait_until(lambda: "cannot be asked" in server.errors())
            with up(port) as again:
                again.said = answers(waiting=9)
                wait_until(lambda: waiting() == [9])
                wait_until(lambda: "is back" in server.errors())
            code, said = server.stop()
        finally:
            server.close()
    assert code == 0
    assert [said.count(words) for words in ("cannot be asked", "is back")] == [1, 1]
    assert PASSWORD not in said
