"""`$ref` within one document (JSON Pointer, RFC 6901): never fetched from elsewhere, never followed in a circle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from baton.documents import fault, quote, spelled
from baton.limits import NESTING_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from baton.documents import Place
    from baton.errors import InputError

REF = "$ref"


class ExternalError(Exception):
    """A reference to another document."""


@dataclass(frozen=True, slots=True)
class File:
    """A document as it was read.

    Attributes:
        path: the file.
        content: what it holds: mappings, lists, text.
        lines: tells the line of a place; null where it has none.
    """

    path: Path
    content: dict[str, Any]
    lines: Callable[[Place], int] | None = None

    def fault(self, place: Place, value: object, problem: str) -> InputError:
        """The error that says where in it which value is wrong, and what to do."""
        return fault(self.path, place, value, problem, self.lines)

    def told(self, place: Place) -> str:
        """The file and a place in it, for notes."""
        return f"{self.path}: {spelled(place)}"


def resolved(node: object, file: File, place: Place) -> tuple[dict[str, Any], Place]:
    """The mapping that stands here, or that the reference here leads to, and where it stands.

    Args:
        node: what stands here.
        file: the whole document.
        place: where in it the node stands.

    Raises:
        ExternalError: it leads out of the document.
        InputError: it leads nowhere, in a circle, or to something that is no mapping.
    """
    seen: list[str] = []
    while isinstance(node, dict) and REF in node:
        pointer = node[REF]
        if not isinstance(pointer, str):
            raise file.fault((*place, REF), pointer, "is no reference; write '#/channels/NAME'")
        if not pointer.startswith("#"):
            raise ExternalError(pointer)
        if pointer in seen:
            circle = " -> ".join(seen)
            raise file.fault((*place, REF), pointer, f"leads in a circle ({circle}); point it at the thing")
        seen.append(pointer)
        node, place = _at(pointer, file, place)
    if not isinstance(node, dict):
        raise file.fault(place, node, "is not a mapping; write its keys below it, each as name: value")
    return node, place


def target(node: object) -> str | None:
    """What a reference says; null of what is none."""
    pointer = node.get(REF) if isinstance(node, dict) else None
    return pointer if isinstance(pointer, str) else None


def external(node: object, depth: int = 0) -> Iterator[str]:
    """References to other documents, wherever they stand."""
    if depth > NESTING_MAX:
        return
    pointer = target(node)
    if pointer is not None and not pointer.startswith("#"):
        yield pointer
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from external(part, depth + 1)


def _at(pointer: str, file: File, place: Place) -> tuple[object, Place]:
    """What the pointer names, and its place."""
    node: object = file.content
    there: list[int | str] = []
    for step in pointer.removeprefix("#").split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and key.isdecimal() and int(key) < len(node):
            there.append(int(key))
            node = node[int(key)]
        elif isinstance(node, dict) and key in node:
            there.append(key)
            node = node[key]
        else:
            known = f"; there are {quote(sorted(node))}" if isinstance(node, dict) and node else ""
            raise file.fault((*place, REF), pointer, f"leads nowhere; correct it, or add what it names{known}")
    return node, tuple(there)
