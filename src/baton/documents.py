"""Files that people write by hand: read within a bound, checked against a model, refused in words they can act on.

Every refusal is an `InputError` whose message names the file, the place in it, the value and the next step. Values are
quoted with escapes and cut: a file may come from anywhere, and the message goes to a terminal.
"""

from __future__ import annotations

import difflib
import reprlib
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ValidationError

from baton import limits
from baton.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)

Place = tuple[int | str, ...]
"""A place in a document: keys and positions from its root."""

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = limits.TEXT_WIDTH_MAX

# A group may read a file of secrets: Kubernetes gives a mounted one to the pod's.
_OTHERS = 0o007

# What Pydantic finds -> what to tell the person who wrote it.
_PROBLEMS: dict[str, str] = {
    "missing": "is required; write it",
    "string_type": "is not text; put it in quotes",
    "tuple_type": "is not a list; write [one, two]",
    "dict_type": "is not a mapping; write {name: value}",
    "model_type": "is not a mapping; write its keys below it, each as name: value",
}


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty; write a name, or leave its key out")
    if len(value) > limits.NAME_CHARS_MAX:
        raise ValueError(f"is longer than {limits.NAME_CHARS_MAX} characters; shorten it")
    if value != value.strip() or not value.isprintable():
        raise ValueError("has control characters, or spaces around it; take them out")
    return value


def _attribute_key(value: str) -> str:
    if any(wildcard in value for wildcard in "*?["):
        raise ValueError("is a glob, and attribute names are exact; write the whole name")
    return value


Text = Annotated[str, AfterValidator(_text)]
"""A name or pattern: printable, not empty, at most `limits.NAME_CHARS_MAX` characters."""

AttributeKey = Annotated[Text, AfterValidator(_attribute_key)]
"""The exact name of a span or resource attribute."""


def quote(value: object) -> str:
    """The value as one printable, bounded piece of text."""
    return _REPR.repr(value)[: limits.TEXT_WIDTH_MAX]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that somebody who wrote this may have meant; None where none is near."""
    # A hostile word may have a file's length, and is then near nothing.
    return next(iter(difflib.get_close_matches(word[: limits.NAME_CHARS_MAX], list(known), n=1)), None)


def fault(
    path: Path | str, place: Place, value: object, problem: str, lines: Callable[[Place], int] | None = None
) -> InputError:
    """The error that says where in a file which value is wrong, and what to do.

    Args:
        path: the file.
        place: where in it; empty for the whole file.
        value: what stands there.
        problem: what is wrong with it, then the next step: "is empty; write a name".
        lines: tells the line of a place, where the file has lines.
    """
    where = f"{_head(path, place, lines)}{spelled(place)}"
    return InputError(f"{where}: {quote(value)} {problem}" if place else f"{where}{quote(value)} {problem}")


def _head(path: Path | str, place: Place, lines: Callable[[Place], int] | None) -> str:
    return f"{path}: line {lines(place)}: " if lines and place else f"{path}: "


def read_text(path: Path) -> str:
    """The file as text.

    Raises:
        InputError: it cannot be read, is larger than `limits.DOCUMENT_BYTES_MAX`, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limits.DOCUMENT_BYTES_MAX + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a file that can be read") from error
    if len(content) > limits.DOCUMENT_BYTES_MAX:
        step = "use globs to shorten it, or split it into several"
        raise InputError(f"{path}: larger than {limits.DOCUMENT_BYTES_MAX} bytes; {step}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from error


def refuse_if_open(path: Path) -> None:
    """Refuses a file of secrets that everybody on the machine may read or change.

    Raises:
        InputError: they may, or it cannot be looked at.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a file that can be read") from error
    if mode & _OTHERS:
        raise InputError(f"{path}: holds secrets, and others may use it (mode {mode & 0o777:o}); `chmod o= {path}`")


def validate(  # noqa: PLR0913 - what is optional is named
    model: type[Model],
    data: object,
    path: Path | str,
    *,
    secret: bool = False,
    lines: Callable[[Place], int] | None = None,
    context: dict[str, str] | None = None,
) -> Model:
    """The file's parsed content as a model.

    Args:
        model: what it should be.
        data: what was parsed.
        path: where it was read, a file or an address, for messages.
        secret: whether values are secrets, which no message may repeat.
        lines: tells the line of a place, where the file has lines; asked only about a fault.
        context: what the model's validators are told of the file.

    Raises:
        InputError: it does not fit the model; tells the first fault and how many more there are.
    """
    try:
        return model.model_validate(data, context=context, by_alias=True, by_name=False)
    except ValidationError as error:
        faults = error.errors(include_url=False)
    first, more = _telling(faults), len(faults) - 1
    problem = _problem(first, model) + (f" (and {more} more fault{'' if more == 1 else 's'})" if more else "")
    place = _place(first, data)
    # Of a missing key, the input is the whole mapping around it: the place says it all.
    if secret or first["type"] == "missing":
        raise InputError(f"{_head(path, place, lines)}{spelled(place) or 'the file'} {problem}")
    raise fault(path, place, first["input"], problem, lines)


def _telling(faults: list[ErrorDetails]) -> ErrorDetails:
    """The first fault; of a key that is missing, an unknown one beside it: most likely it is that, mistyped."""
    first = faults[0]
    if first["type"] != "missing":
        return first
    beside = (one for one in faults if one["type"] == "extra_forbidden" and one["loc"][:-1] == first["loc"][:-1])
    return next(beside, first)


def _problem(detail: ErrorDetails, model: type[BaseModel]) -> str:
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    if detail["type"] == "extra_forbidden":
        return _unknown_key(str(detail["loc"][-1]), _keys(model, detail["loc"][:-1]))
    return _PROBLEMS.get(detail["type"], f"does not fit: {detail['msg']}; correct it")


def _unknown_key(key: str, known: list[str]) -> str:
    meant = nearest(key, known)
    step = f"did you mean {meant}?" if meant else f"write one of {', '.join(known)}" if known else "take it out"
    return f"is no key that Baton knows; {step}"


def _keys(model: type[BaseModel], location: Place) -> list[str]:
    """The keys that the model takes at a place, by its JSON Schema."""
    schema = model.model_json_schema()
    parts = [schema]
    for step in location:
        parts = [below for part in _spread(parts, schema) for below in _below(part, step)] or parts
    return sorted({key for part in _spread(parts, schema) for key in part.get("properties", ())})


def _spread(parts: list[dict[str, Any]], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Schemas with references and alternatives resolved."""
    spread: list[dict[str, Any]] = []
    for part in parts:
        found = schema["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        spread += _spread(found["anyOf"], schema) if "anyOf" in found else [found]
    return spread


def _below(part: dict[str, Any], step: int | str) -> list[dict[str, Any]]:
    """What a schema says of what stands at one step below it; nothing where it says nothing."""
    found = part.get("items") if isinstance(step, int) else part.get("properties", {}).get(step)
    found = found or (part.get("additionalProperties") if isinstance(step, str) else None)
    return [found] if isinstance(found, dict) else []


def _place(detail: ErrorDetails, data: Any) -> Place:  # noqa: ANN401 - a tree
    """Where in the data a fault lies.

    A step that is not in the data is the model's own (a name in place of `{name: ...}`) and left out, but for a key
    that is missing.
    """
    place: list[int | str] = []
    for number, step in enumerate(detail["loc"], 1):
        keyed = isinstance(data, dict) and step in data
        if keyed or (isinstance(data, list | tuple) and isinstance(step, int) and step < len(data)):
            data = data[step]
        elif not (isinstance(data, dict) and detail["type"] == "missing" and number == len(detail["loc"])):
            continue
        place.append(step)
    return tuple(place)


def spelled(place: Place) -> str:
    """`("teams", 2, "owns", "services", 0)` -> `teams[2].owns.services[0]`."""
    words = ""
    for step in place:
        plain = isinstance(step, str) and len(step) <= limits.TEXT_WIDTH_MAX and step.isidentifier()
        words += f".{step}" if plain else f"[{quote(step)}]"
    return words.removeprefix(".")
