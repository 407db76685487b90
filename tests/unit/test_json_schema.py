from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from baton.errors import InputError
from baton.json_schema import DIALECT, json_schema
from baton.ownership.catalog import OwnershipFile
from baton.ownership.sources import load_catalog

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
SCHEMA = json_schema(OwnershipFile, "the file")
EXAMPLE = (ROOT / "docs" / "ownership.md").read_text().split("```yaml\n")[1].split("```")[0]
FILES = sorted([*ROOT.glob("fixtures/*/ownership.yaml"), *ROOT.glob("src/baton/gameday/*/ownership.yaml")])

# Words that say nothing about validity, and all of the others that the schema may use.
_SILENT = {"$schema", "$defs", "title", "description", "default"}
_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def fits(value: Any, schema: dict[str, Any]) -> bool:  # noqa: ANN401
    """Whether the value is valid by draft 2020-12, for the words that the schema uses; any other word is an error."""
    return all(_KEYWORDS[word](value, schema) for word in schema if word not in _SILENT)


def _typed(value: Any, schema: dict[str, Any]) -> bool:  # noqa: ANN401
    names = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    return any(
        isinstance(value, _JSON_TYPES[name]) and (name == "boolean" or not isinstance(value, bool)) for name in names
    )


def _keys(value: Any, schema: dict[str, Any]) -> bool:  # noqa: ANN401
    known, below = schema.get("properties", {}), schema.get("additionalProperties", True)
    if not isinstance(value, dict):
        return True
    others = [one for key, one in value.items() if key not in known]
    return (
        all(fits(one, known[key]) for key, one in value.items() if key in known)
        and all(key in value for key in schema.get("required", ()))
        and (not others if below is False else all(fits(one, {} if below is True else below) for one in others))
    )


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_KEYWORDS: dict[str, Callable[[Any, dict[str, Any]], bool]] = {
    "type": _typed,
    "properties": _keys,
    "required": _keys,
    "additionalProperties": _keys,
    "items": lambda value, schema: not isinstance(value, list) or all(fits(one, schema["items"]) for one in value),
    "anyOf": lambda value, schema: any(fits(value, one) for one in schema["anyOf"]),
    "$ref": lambda value, schema: fits(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]),
    "enum": lambda value, schema: value in schema["enum"],
    "pattern": lambda value, schema: not isinstance(value, str) or re.search(schema["pattern"], value) is not None,
    "minimum": lambda value, schema: not _number(value) or value >= schema["minimum"],
    "exclusiveMinimum": lambda value, schema: not _number(value) or value > schema["exclusiveMinimum"],
}


def read(text: str) -> object:
    """As an editor reads it: dates are text there."""
    return yaml.load(text, Loader=_Editor)  # noqa: S506 - a safe loader


def load(folder: Path, text: str) -> None:
    """As Baton reads it."""
    path = folder / "ownership.yaml"
    path.write_text(text)
    load_catalog(path)


class _Editor(yaml.SafeLoader):
    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way
        first: [(tag, pattern) for tag, pattern in known if not tag.endswith("timestamp")]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


@pytest.mark.parametrize("text", [EXAMPLE, *(path.read_text() for path in FILES)])
def test_files_that_load_fit_the_schema(text: str) -> None:
    """Every ownership file of the fixtures, the game day and the reference is valid for an editor."""
    assert fits(read(text), SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        "version: '1'",
        "teams: [{name: 007, owns: {services: [no, 1, x]}}]",
        "teams: [{name: a, owns: {attributes: {tier: 1, on: [yes, {value: 2, from: 2026-01-01}]}}}]",
        "teams: [{name: a, from: 2026-01-01, until: 2026-01-01T12:00:00+01:00, on_call: 'https://x.example'}]",
        "teams: [{name: a, owns: {attributes: [{key: k, value: v, until: 2026-01-01}]}}]",
        "channels: [{name: c, deadline: 2s}, {name: d, deadline: 0.5}]",
        "queues: [{name: q, limit: 50, bytes: '1_000', ttl: 5m}]",
    ],
)
def test_whatever_baton_takes_the_schema_takes(tmp_path: Path, text: str) -> None:
    """Numbers, truth values and dates as people write them are no fault for an editor where they are none for Baton."""
    load(tmp_path, text)
    assert fits(read(text), SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "version: 2",
        "team: []",
        "teams: [{name: a, ownz: {}}]",
        "teams: [{contact: a}]",
        "teams: [{name: a, owns: {services: [{name: s, untill: 2026-01-01}]}}]",
        "teams: [{name: a, owns: {services: s}}]",
        "teams: [{name: a, owns: {attributes: {k: {from: 2026-01-01}}}}]",
        "teams: [{name: a, from: soon}]",
        "teams: [{name: a, on_call: pager}]",
        "external_parties: [{name: a}]",
        "teams: [{name: a}]\njourney_types: [{name: t, entry: {service: s}, owner: a, criticality: vital}]",
        "channels: [{name: c, deadline: soon}]",
        "channels: [{name: c, deadline: 0}]",
        "queues: [{name: q, limit: many}]",
        "teams: [{name: a, owns: {services: [{name: s, source: x}]}}]",
    ],
)
def test_what_the_schema_refuses_baton_refuses(tmp_path: Path, text: str) -> None:
    """An editor marks the faults that Baton would refuse, and `source`, which no file says, is one."""
    assert not fits(read(text), SCHEMA)
    with pytest.raises(InputError):
        load(tmp_path, text)


def test_editors_are_told_what_keys_mean() -> None:
    """It says its dialect, and each key of each part what it is for."""
    assert SCHEMA["$schema"] == DIALECT
    for name, part in {"file": SCHEMA, **SCHEMA["$defs"]}.items():
        for kind in part.get("anyOf", [part]):
            for key, described in kind.get("properties", {}).items():
                assert described.get("description"), f"{name}.{key}"
