"""FACTS from a document of RabbitMQ, whichever of its forms it has.

- an object with `queues`, `exchanges`, `bindings`, `policies`, `operator_policies`: answers of the management API, each
  under the name of its path; what `fetch` makes. Any of them may be missing; `overview` too;
- a definitions export (`rabbitmqctl export_definitions`, `/api/definitions`, of all vhosts or of one);
- one answer of the API alone: a list of queues, of bindings, or of exchanges; also as its paged form has it, under
  `items`;
- a recording: `queues` holds such objects under `mid` and `end`, `definitions` an export, `prometheus_delta` how far
  the node's counters rose. Of `mid` nothing says when it was: it is left out.

What an answer of the API leaves out is taken from `definitions` beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.brokers import management, prometheus
from baton.brokers.rows import frame
from baton.documents import validate
from baton.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from baton.brokers.rows import Where

_PARTS = ("queues", "exchanges", "bindings", "policies")

_LIVE = {"messages", "state", "effective_policy_definition"}
"""Keys that the API gives of queues, and exports do not."""

_LISTS = {"destination": "bindings", "internal": "exchanges", "pattern": "policies", "durable": "queues"}
"""A key that only members of such a list have -> its name."""


def facts(document: object, where: Where, path: Path | str) -> pl.DataFrame:
    """The facts of a document, FACTS's columns.

    Args:
        document: parsed JSON.
        where: when and where they hold.
        path: where it was read, a file or an address, for messages.

    Raises:
        InputError: it is none of the forms, or a value in it does not fit.
    """
    content = _content(document, path)
    definitions = content.get("definitions")
    definitions = definitions if isinstance(definitions, dict) else {}
    broker = validate(management.Broker, _completed(content, definitions), path)
    rows = [*management.rows(broker)]
    deltas = content.get("prometheus_delta")
    if isinstance(deltas, dict):
        rows += prometheus.counters(deltas)
    return frame(rows, where, "definitions" if _is_export(content) else "management")


def _content(document: object, path: Path | str) -> dict[str, object]:
    """The document as an object of parts."""
    if isinstance(document, dict) and isinstance(document.get("items"), list):
        document = document["items"]
    if isinstance(document, list):
        first = document[0] if document and isinstance(document[0], dict) else {}
        named = next((name for key, name in _LISTS.items() if key in first), None)
        document = {} if named is None else {named: document}
    if isinstance(document, dict) and isinstance(document.get("queues"), dict):
        end = document["queues"].get("end")
        document = {**document, **(end if isinstance(end, dict) else {"queues": None})}
    if not (isinstance(document, dict) and any(isinstance(document.get(part), list) for part in _PARTS)):
        raise InputError(
            f"{path}: no queues, exchanges, bindings or policies in it; give what RabbitMQ's management API answers, "
            "a definitions export, or a document as docs/facts.md describes"
        )
    return document


def _is_export(content: dict[str, object]) -> bool:
    """Whether it is an export, which knows no figures; a node that is starting has none of some queues either."""
    if "rabbit_version" in content or "rabbitmq_version" in content:
        return True
    queues = content.get("queues")
    listed = [queue for queue in queues if isinstance(queue, dict)] if isinstance(queues, list) else []
    return "overview" not in content and bool(listed) and not any(_LIVE & queue.keys() for queue in listed)


def _completed(content: dict[str, object], definitions: dict[str, object]) -> dict[str, object]:
    """The parts, those missing taken from the definitions."""
    overview = content.get("overview")
    version = overview.get("rabbitmq_version") if isinstance(overview, dict) else definitions.get("rabbit_version")
    return (
        {
            "rabbitmq_version": version,
            "original_vhost_name": _only_vhost(content, definitions),
            "operator_policies": _operator_policies(definitions) or _operator_policies(content),
        }
        | {part: definitions[part] for part in _PARTS if part in definitions}
        | content
    )


def _only_vhost(*documents: dict[str, object]) -> str | None:
    """The vhost of an export of one: its queues and bindings do not name it, its policies do."""
    listed = [document.get(part) for document in documents for part in (*_PARTS, "parameters")]
    vhosts = {
        part["vhost"]
        for parts in listed
        if isinstance(parts, list)
        for part in parts
        if isinstance(part, dict) and isinstance(part.get("vhost"), str)
    }
    return vhosts.pop() if len(vhosts) == 1 else None


def _operator_policies(export: dict[str, object]) -> list[object]:
    """Operator policies of an export, which keeps them among its parameters, as the API would list them."""
    parameters = export.get("parameters")
    return [
        {**parameter["value"], "name": parameter.get("name"), "vhost": parameter.get("vhost")}
        for parameter in (parameters if isinstance(parameters, list) else [])
        if isinstance(parameter, dict)
        and parameter.get("component") == "operator_policy"
        and isinstance(parameter.get("value"), dict)
    ]
