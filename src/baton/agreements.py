"""The files that contracts stand in: contracts.yaml, and AsyncAPI documents in YAML or JSON, told by their content."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from baton.contracts import asyncapi
from baton.contracts.contract import Agreed, Contract, Contracts
from baton.contracts.refs import File
from baton.documents import fault, quote, read_text, spelled, validate
from baton.errors import InputError
from baton.ownership import strict_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from baton.documents import Place


def load_contracts(paths: Sequence[Path]) -> Agreed:
    """Read and check contracts.yaml files and AsyncAPI 3 documents.

    Raises:
        InputError: one cannot be read or has a fault; the message names the file, the place, the value, the next step.
    """
    signed: dict[str, tuple[Contract, str]] = {}
    documents = []
    for path in paths:
        content, lines = _content(path)
        if isinstance(content, dict) and "asyncapi" in content:
            documents.append(asyncapi.read(File(path, content, lines)))
            continue
        if not content:
            raise InputError(
                f"{path}: holds no contract; write `contracts:` and a list below it, or leave the file out"
            )
        for number, contract in enumerate(validate(Contracts, content, path, lines=lines).contracts):
            place = ("contracts", number, "name")
            if contract.name in signed:
                problem = f"is already declared at {signed[contract.name][1]}; rename one"
                raise fault(path, place, contract.name, problem, lines)
            signed[contract.name] = contract, f"{path}: {spelled(place)}"
    imported, notes = asyncapi.merged(documents)
    return Agreed(
        tuple(contract for contract, _ in signed.values()),
        tuple(contract for contract in imported if contract.name not in signed),
        (*notes, *(f"{one.name}: contracts.yaml's stands for AsyncAPI's" for one in imported if one.name in signed)),
    )


def _content(path: Path) -> tuple[object, Callable[[Place], int] | None]:
    """What the file holds, and what tells its lines.

    YAML's reader takes JSON too, but for tabs; numbers are read as they are written.
    """
    text = read_text(path)
    if path.suffix.lower() != ".json":
        return strict_yaml.parse(text, path), partial(strict_yaml.line_of, text)
    try:
        return json.loads(text, parse_int=str, parse_float=str, object_pairs_hook=_once), None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: {error}; correct the JSON there") from error


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A mapping whose keys are given once."""
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"the key {quote(key)} is given twice")
    return dict(pairs)
