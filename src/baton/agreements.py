"""The files that contracts stand in: contracts.yaml, and AsyncAPI documents in YAML or JSON, told by their content."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from baton.contracts import asyncapi
from baton.contracts.contract import Agreed, Contract, Contracts
from baton.documents import fault, quote, read_text, validate
from baton.errors import InputError
from baton.ownership import strict_yaml

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def load_contracts(paths: Sequence[Path]) -> Agreed:
    """Read and check contracts.yaml files and AsyncAPI 3 documents.

    Raises:
        InputError: one cannot be read or has a fault; the message names the file, the place, the value, the next step.
    """
    signed: dict[str, tuple[Contract, str]] = {}
    documents = []
    for path in paths:
        content = _content(path)
        if isinstance(content, dict) and "asyncapi" in content:
            documents.append(asyncapi.read(content, path))
            continue
        if not content:
            raise InputError(
                f"{path}: holds no contract; write `contracts:` and a list below it, or leave the file out"
            )
        for number, contract in enumerate(validate(Contracts, content, path).contracts):
            place = f"contracts[{number}].name"
            if contract.name in signed:
                problem = f"is already declared at {signed[contract.name][1]}; rename one"
                raise fault(path, place, contract.name, problem)
            signed[contract.name] = contract, f"{path}: {place}"
    imported, notes = asyncapi.merged(documents)
    return Agreed(
        tuple(contract for contract, _ in signed.values()),
        tuple(contract for contract in imported if contract.name not in signed),
        (*notes, *(f"{one.name}: contracts.yaml's stands for AsyncAPI's" for one in imported if one.name in signed)),
    )


def _content(path: Path) -> object:
    """What the file holds; of JSON, which YAML's reader takes too but for tabs, numbers as they are written."""
    text = read_text(path)
    if path.suffix.lower() != ".json":
        return strict_yaml.parse(text, path)
    try:
        return json.loads(text, parse_int=str, parse_float=str, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: {error}; correct the JSON there") from error


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A mapping whose keys are given once."""
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"the key {quote(key)} is given twice")
    return dict(pairs)
