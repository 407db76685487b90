"""Files that people write by hand: read within a bound, checked against a model, refused in words they can act on.

Every refusal is an `InputError` whose message names the file, the place in it, the value and the next step. Values are
quoted with escapes and cut: a file may come from anywhere, and the message goes to a terminal.
"""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ValidationError

from baton import limits
from baton.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = limits.TEXT_WIDTH_MAX

# A group may read a file of secrets: Kubernetes gives a mounted one to the pod's.
_OTHERS = 0o007

# What Pydantic finds -> what to tell the person who wrote it.
_PROBLEMS: dict[str, str] = {
    "extra_forbidden": "is no key that Baton knows; correct its spelling or remove it",
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


def fault(path: Path | str, place: str, value: object, problem: str) -> InputError:
    """The error that says where in a file which value is wrong, and what to do.

    Args:
        path: the file.
        place: where in it, such as `teams[2].owns.services[0]`; empty for the whole file.
        value: what stands there.
        problem: what is wrong with it, then the next step: "is empty; write a name".
    """
    return InputError(f"{path}: {place}: {quote(value)} {problem}" if place else f"{path}: {quote(value)} {problem}")


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
        raise InputError(f"{path}: larger than {limits.DOCUMENT_BYTES_MAX} bytes; use globs to shorten it")
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


def validate(
    model: type[Model], data: object, path: Path | str, *, secret: bool = False, context: dict[str, str] | None = None
) -> Model:
    """The file's parsed content as a model.

    Args:
        model: what it should be.
        data: what was parsed.
        path: where it was read, a file or an address, for messages.
        secret: whether values are secrets, which no message may repeat.
        context: what the model's validators are told of the file.

    Raises:
        InputError: it does not fit the model; tells the first fault and how many more there are.
    """
    try:
        return model.model_validate(data, context=context, by_alias=True, by_name=False)
    except ValidationError as error:
        faults = error.errors(include_url=False)
    first, more = faults[0], len(faults) - 1
    problem = _problem(first) + (f" (and {more} more faults)" if more else "")
    place = _place(first["loc"])
    # Of a missing key, the input is the whole mapping around it: the place says it all.
    if secret or first["type"] == "missing":
        raise InputError(f"{path}: {place or 'the file'} {problem}")
    raise fault(path, place, first["input"], problem)


def _problem(detail: ErrorDetails) -> str:
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    return _PROBLEMS.get(detail["type"], f"does not fit: {detail['msg']}; correct it")


def _place(location: tuple[int | str, ...]) -> str:
    """`("teams", 2, "owns", "services", 0)` -> `teams[2].owns.services[0]`."""
    place = ""
    for step in location:
        plain = isinstance(step, str) and step.isidentifier()
        place += f".{step}" if plain else f"[{quote(step)}]"
    return place.removeprefix(".")
