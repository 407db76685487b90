"""YAML in which every scalar is text, read strictly.

Ownership files hold names: `no`, `007` and `2024-01-01` are names there, not a truth value, a number and a date. So
values are built from the parser's events, only `str`, `list` and `dict`, whatever tags stand in the file. What most
loaders let pass is refused: a key given twice (the first would vanish without a word) and aliases (a few lines of them
expand to gigabytes).

Events come from libyaml where PyYAML was built with it (its wheels are), eight times as fast as PyYAML's own parser.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import yaml

from baton import limits
from baton.documents import quote
from baton.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from baton.documents import Place

_STEP = "correct the YAML there"

_Parser: type[_Events] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class _Events(Protocol):
    """What both parsers of PyYAML share."""

    def __init__(self, stream: str) -> None: ...

    def get_event(self) -> yaml.Event: ...

    def check_event(self, *choices: type[yaml.Event]) -> bool: ...


class _Builder:
    """Builds the documents of a text, one after another.

    Attributes:
        lines: the line of each place in the document built last, from 1: of a mapping's value, its key's; None where
            nobody asked.
    """

    def __init__(self, text: str, *, with_lines: bool = False) -> None:
        self._events = _Parser(text)
        self.lines: dict[Place, int] | None = {} if with_lines else None
        self._events.get_event()  # the stream's start

    def next(self) -> tuple[object, yaml.Event] | None:
        """The next document and where it starts; None where there is none left."""
        if self._events.check_event(yaml.StreamEndEvent):
            return None
        start = self._events.get_event()
        if self.lines is not None:
            self.lines.clear()
        document = self._value((), 0)
        self._events.get_event()  # the document's end
        return document, start

    def _value(self, place: Place, depth: int) -> object:
        event = self._events.get_event()
        if self.lines is not None:
            self.lines.setdefault(place, _line(event))
        if isinstance(event, yaml.ScalarEvent):
            return event.value
        if isinstance(event, yaml.AliasEvent):
            raise _refused(event, f"{quote(f'*{event.anchor}')} is an alias", "write the value out")
        if depth == limits.NESTING_MAX:
            raise _refused(event, f"nested deeper than {limits.NESTING_MAX} levels", "flatten it")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(place, depth + 1)
        return self._dict(place, depth + 1)

    def _list(self, place: Place, depth: int) -> list[object]:
        items: list[object] = []
        while not self._events.check_event(yaml.SequenceEndEvent):
            items.append(self._value((*place, len(items)), depth))
        self._events.get_event()
        return items

    def _dict(self, place: Place, depth: int) -> dict[str, object]:
        values: dict[str, object] = {}
        while not self._events.check_event(yaml.MappingEndEvent):
            key = self._key()
            if key.value in values:
                raise _refused(key, f"the key {quote(key.value)} is given twice", "keep one")
            if self.lines is not None:
                self.lines[*place, key.value] = _line(key)
            values[key.value] = self._value((*place, key.value), depth)
        self._events.get_event()
        return values

    def _key(self) -> yaml.ScalarEvent:
        event = self._events.get_event()
        if isinstance(event, yaml.ScalarEvent):
            return event
        if isinstance(event, yaml.AliasEvent):
            raise _refused(event, f"{quote(f'*{event.anchor}')} is an alias", "write the value out")
        raise _refused(event, "a list or mapping stands where a key belongs", "write a name")


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file.

    Attributes:
        path: the file.
        text: all of it.
        number: which of its documents, from 0.
        first_line: where it begins, from 1.
        data: the document, as `parse` gives it.
    """

    path: Path
    text: str = field(repr=False)
    number: int
    first_line: int
    data: object

    def line(self, place: Place) -> int:
        """The line on which a place of it stands."""
        return line_of(self.text, place, self.number)


def parse(text: str, path: Path) -> object:
    """The only document of the text, as `dict`, `list` and `str`; None where the text is empty.

    Args:
        text: YAML.
        path: where it was read, for messages.

    Raises:
        InputError: not YAML, several documents, a key given twice, an alias, or nested too deeply.
    """
    found = _built(text, path, 1)
    return found[0][1] if found else None


def parse_all(text: str, path: Path) -> list[Document]:
    """Every document of the text; arguments and errors as of `parse`, of which several documents are none."""
    built = _built(text, path, None)
    return [Document(path, text, number, first_line, data) for number, (first_line, data) in enumerate(built)]


def line_of(text: str, place: Place, number: int = 0) -> int:
    """The line, from 1, on which a place stands; of a place that is not there, the nearest around it.

    It parses the text again: lines cost, and only what is wrong needs one.

    Args:
        text: what `parse` took.
        place: keys and positions from the document's root.
        number: of which document, from 0.
    """
    builder = _Builder(text, with_lines=True)
    for _ in range(number + 1):
        builder.next()
    lines = builder.lines or {}
    return next((lines[place[:end]] for end in range(len(place), -1, -1) if place[:end] in lines), 1)


def _built(text: str, path: Path, documents_max: int | None) -> list[tuple[int, object]]:
    """The documents with their first lines."""
    found: list[tuple[int, object]] = []
    try:
        builder = _Builder(text)
        while (document := builder.next()) is not None:
            value, start = document
            if len(found) == documents_max:
                raise _refused(start, "another document begins, and one is expected", "take the --- out")
            found.append((_line(start), value))
    except yaml.MarkedYAMLError as error:
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if (mark := error.problem_mark) else ""
        since = f" {error.context} from line {mark.line + 1}" if (mark := error.context_mark) else ""
        raise InputError(f"{path}: {where}{error.problem}{since}; {error.note or _STEP}") from error
    except yaml.reader.ReaderError as error:
        # Each parser counts its position in another unit, and both name the character.
        raw = error.character if isinstance(error.character, str) else chr(error.character)
        line = text[: max(text.find(raw), 0)].count("\n") + 1
        problem = f"{quote(raw)} is a character that YAML does not allow"
        raise InputError(f"{path}: line {line}: {problem}; take it out") from error
    return found


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1  # both parsers mark every event


def _refused(at: yaml.Event, problem: str, step: str) -> yaml.MarkedYAMLError:
    mark = at.start_mark
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark, note=step)  # type: ignore[arg-type]  # the C parser's
