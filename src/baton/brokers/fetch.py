"""What RabbitMQ's management API says now: the only module of the stages that opens sockets.

A broker is asked itself: no redirect is followed and no proxy used, so that the login goes nowhere else. Answers have a
bound in bytes and in time, however slowly they come.
"""

from __future__ import annotations

import ssl
import threading
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead
from socket import SHUT_RDWR
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

import orjson

from baton.brokers.login import FILE, PASSWORD, USER
from baton.documents import quote
from baton.errors import BrokerError, UsageError
from baton.limits import BROKER_ANSWER_S_MAX, BROKER_BYTES_MAX, BROKER_CONNECT_S_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from baton.brokers.login import Login

_QUEUE = (
    "name,vhost,type,arguments,effective_policy_definition,policy,operator_policy,messages,messages_unacknowledged,"
    "consumers,message_stats.publish,message_stats.ack,message_stats.deliver_no_ack,message_stats.get_no_ack,"
    "message_stats.redeliver,state"
)
"""Columns that are asked for: all of them are ten times as much, most of it rates."""

_ANSWERS = {
    "overview": "/api/overview?columns=rabbitmq_version",
    "queues": f"/api/queues?columns={_QUEUE}",
    "exchanges": "/api/exchanges?columns=name,vhost,type,arguments,policy",
    "bindings": "/api/bindings",
    "policies": "/api/policies",
}
"""Part of the document that `rabbitmq` reads -> where the API has it."""

_OK, _MOVED, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _ERROR = 200, 300, 401, 403, 404, 500


class Door:
    """A broker's HTTP, asked by one thread.

    Attributes:
        name: the URL without what may be secret in it, for messages.
    """

    def __init__(self, url: str, login: Login | None) -> None:
        """Opens nothing yet.

        Args:
            url: the root of the management API, or the place of the metrics.
            login: sent with every request; null for none.

        Raises:
            UsageError: it is no URL of HTTP, or has a user or password in it.
        """
        self._url = _checked(url)
        self._login = login
        self._open: HTTPConnection | None = None
        self.name = f"{self._url.scheme}://{self._url.netloc}"

    def management(self) -> dict[str, object]:
        """The management API's answers, as the document that `rabbitmq.facts` reads.

        A user who may not see policies sees all that they come to for queues.

        Raises:
            BrokerError: it cannot be reached, refuses, or what answers is no management API.
        """
        document: dict[str, object] = {}
        with self._connected() as connection:
            for part, place in _ANSWERS.items():
                status, body = self._ask(connection, self._url.path.rstrip("/") + place)
                if part == "policies" and status in {_UNAUTHORIZED, _FORBIDDEN}:
                    continue
                self._refuse(status, place.partition("?")[0])
                document[part] = self._json(body, place.partition("?")[0])
        return document

    def text(self) -> str:
        """What stands at the URL itself, as text.

        Raises:
            BrokerError: as `management`.
        """
        with self._connected() as connection:
            status, body = self._ask(connection, self._url.path or "/")
        self._refuse(status, self._url.path)
        return body.decode(errors="replace")

    def hang_up(self) -> None:
        """Ends a request under way, from another thread; it then raises BrokerError."""
        connection = self._open
        if connection is not None and connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(SHUT_RDWR)

    def _give_up(self, late: threading.Event) -> None:
        late.set()
        self.hang_up()

    @contextmanager
    def _connected(self) -> Iterator[HTTPConnection]:
        host, port = self._url.hostname or "", self._url.port
        connection: HTTPConnection = (
            HTTPSConnection(host, port, timeout=BROKER_CONNECT_S_MAX, context=ssl.create_default_context())
            if self._url.scheme == "https"
            else HTTPConnection(host, port, timeout=BROKER_CONNECT_S_MAX)
        )
        late = threading.Event()
        # A socket's own time begins anew with each byte; this one ends whatever drips.
        watch = threading.Timer(BROKER_ANSWER_S_MAX, self._give_up, (late,))
        watch.daemon = True
        try:
            connection.connect()
            connection.sock.settimeout(None)
            self._open = connection
            watch.start()
            yield connection
        except (OSError, HTTPException) as error:
            why = f"no whole answer within {BROKER_ANSWER_S_MAX:g} s" if late.is_set() else _said(error)
            raise BrokerError(
                f"the broker at {self.name} cannot be asked ({why}): check the address, and that its management plugin "
                "is on"
            ) from error
        finally:
            watch.cancel()
            self._open = None
            connection.close()

    def _ask(self, connection: HTTPConnection, place: str) -> tuple[int, bytes]:
        headers = {"Accept": "application/json, text/plain"}
        if self._login is not None:
            headers["Authorization"] = self._login.header
        connection.request("GET", place, headers=headers)
        response = connection.getresponse()
        body = response.read(BROKER_BYTES_MAX + 1)
        if len(body) > BROKER_BYTES_MAX:
            raise BrokerError(
                f"the broker at {self.name} answers more than {BROKER_BYTES_MAX} bytes: export its definitions and "
                "load them with `baton broker load`"
            )
        if response.length:  # what was announced and did not come
            raise IncompleteRead(body, response.length)
        return response.status, body

    def _refuse(self, status: int, place: str) -> None:
        """Passes if the answer is one.

        Raises:
            BrokerError: it is not.
        """
        if status == _OK:
            return
        if status in {_UNAUTHORIZED, _FORBIDDEN}:
            why = f"refuses this login ({status})" if self._login is not None else f"wants a login ({status})"
            step = f"set ${USER} and ${PASSWORD}, or ${FILE}, to a user with the tag monitoring"
        elif _MOVED <= status < _UNAUTHORIZED - 1:
            why, step = f"sends elsewhere ({status})", "name that place itself: a login follows no redirect"
        elif status == _NOT_FOUND:
            why = f"has no {place} (404)"
            step = "name the root of its management API, such as http://HOST:15672"
        else:
            why, step = f"answers {status} to {place}", "see to the broker" if status >= _ERROR else "check the address"
        raise BrokerError(f"the broker at {self.name} {why}: {step}")

    def _json(self, body: bytes, place: str) -> object:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise BrokerError(
                f"the broker at {self.name} answers no JSON to {place} ({error}): is it a management API? Name its "
                "root, such as http://HOST:15672"
            ) from error


def _checked(url: str) -> SplitResult:
    """The URL, if it is one that can be asked; whatever it holds, no message repeats a password."""
    try:
        split = urlsplit(url)
        host, _ = split.hostname, split.port
    except ValueError as error:
        raise UsageError(f"the broker's URL is none ({error}): write http://HOST:15672") from error
    if split.username is not None or split.password is not None:
        raise UsageError(
            f"the broker's URL names a user, and whoever lists processes can read it: take it out, and set ${USER} and "
            f"${PASSWORD}, or ${FILE}"
        )
    if split.scheme not in {"http", "https"} or not host or split.query or split.fragment or not url.isprintable():
        raise UsageError(f"{quote(url)} is no URL of a broker: write http://HOST:15672, or https://HOST:15671")
    return split


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    return quote(getattr(error, "strerror", None) or str(error) or type(error).__name__).strip("'\"")
