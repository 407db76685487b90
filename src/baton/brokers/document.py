"""A saved file of broker facts, whatever wrote it: known by its content, not its name.

| content | what it is |
| --- | --- |
| JSON with `baton_facts` | the neutral document, `facts` |
| other JSON | RabbitMQ's management API, definitions, a recording: `rabbitmq` |
| lines `NAME{LABELS} VALUE` | Prometheus's text format: a node's counters, `prometheus` |

Each may be gzipped.
"""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, NamedTuple

import orjson

from baton.brokers import facts, prometheus, rabbitmq
from baton.brokers.rows import Where, frame
from baton.errors import InputError
from baton.limits import BROKER_BYTES_MAX

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

_GZIP = b"\x1f\x8b"


class Place(NamedTuple):
    """What whoever loads a document says of it; null where the document is to say it itself.

    Attributes:
        at_ns: when it held.
        tenant: whose broker it is.
        environment: null is any.
        address: the broker, HOST:PORT as spans say it.
    """

    at_ns: int | None
    tenant: str
    environment: str | None
    address: str | None

    def where(self, at_ns: int | None, broker: str | None, path: Path) -> Where:
        """The place, with what the document says of itself.

        Raises:
            InputError: neither says when.
        """
        when = at_ns if self.at_ns is None else self.at_ns
        if when is None:
            raise InputError(
                f"{path}: does not say when it held: give its time with --at, such as --at 2026-11-24T18:30:00Z"
            )
        address = broker if self.address is None else self.address
        return Where(when, self.tenant, self.environment, address or "")


def load(path: Path, place: Place) -> pl.DataFrame:
    """The facts of a file, FACTS's columns.

    Raises:
        InputError: it cannot be read, is larger than BROKER_BYTES_MAX, is none of the table's, or a value in it does
            not fit.
    """
    content = _read(path)
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        samples = prometheus.samples(content.decode(errors="replace"))
        if not samples:
            raise InputError(
                f"{path}: neither JSON ({error}) nor Prometheus's text format; docs/facts.md says what can be loaded"
            ) from error
        return frame(prometheus.counters(samples), place.where(None, None, path), "management")
    if isinstance(document, dict) and facts.VERSION_KEY in document:
        neutral = facts.parse(document, path)
        return facts.as_frame(neutral, place.where(facts.at_ns(neutral), neutral.broker, path))
    return rabbitmq.facts(document, place.where(None, None, path), path)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            packed = file.read(len(_GZIP)) == _GZIP
        with gzip.open(path) if packed else path.open("rb") as file:
            content = file.read(BROKER_BYTES_MAX + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: gzip is damaged or cut short ({error}): copy the file anew") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; name a file that can be read") from error
    if len(content) > BROKER_BYTES_MAX:
        raise InputError(f"{path}: larger than {BROKER_BYTES_MAX} bytes; load its parts one by one")
    return content
