"""`$ref` within one document (JSON Pointer, RFC 6901): never fetched from elsewhere, never followed in a circle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from baton.documents import fault, quote
from baton.limits import NESTING_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REF = "$ref"


class ExternalError(Exception):
    """A reference to another document."""


def resolved(node: object, document: object, path: Path, place: str) -> dict[str, Any]:
    """The mapping that stands here, or that the reference here leads to.

    Args:
        node: what stands here.
        document: the whole document.
        path: where it was read, for messages.
        place: where in it the node stands, for messages.

    Raises:
        ExternalError: it leads out of the document.
        InputError: it leads nowhere, in a circle, or to something that is no mapping.
    """
    seen: list[str] = []
    while isinstance(node, dict) and REF in node:
        pointer = node[REF]
        if not isinstance(pointer, str):
            raise fault(path, f"{place}.{REF}", pointer, "is no reference; write '#/channels/NAME'")
        if not pointer.startswith("#"):
            raise ExternalError(pointer)
        if pointer in seen:
            raise fault(
                path, f"{place}.{REF}", pointer, f"leads in a circle ({' -> '.join(seen)}); point it at the thing"
            )
        seen.append(pointer)
        node = _at(pointer, document, path, place)
    if not isinstance(node, dict):
        raise fault(path, place, node, "is not a mapping; write its keys below it, each as name: value")
    return node


def target(node: object) -> str | None:
    """What a reference says; null of what is none."""
    pointer = node.get(REF) if isinstance(node, dict) else None
    return pointer if isinstance(pointer, str) else None


def external(node: object, depth: int = 0) -> Iterator[str]:
    """References to other documents, wherever they stand."""
    if depth > NESTING_MAX:
        return
    if isinstance(node, dict):
        pointer = target(node)
        if pointer is not None and not pointer.startswith("#"):
            yield pointer
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from external(part, depth + 1)


def _at(pointer: str, document: object, path: Path, place: str) -> object:
    """What the pointer names."""
    node = document
    for step in pointer.removeprefix("#").split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and key.isdecimal() and int(key) < len(node):
            node = node[int(key)]
        elif isinstance(node, dict) and key in node:
            node = node[key]
        else:
            known = f"; there are {quote(sorted(node))}" if isinstance(node, dict) and node else ""
            raise fault(path, f"{place}.{REF}", pointer, f"leads nowhere; correct it, or add what it names{known}")
    return node
