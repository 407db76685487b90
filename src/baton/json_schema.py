"""The JSON Schemas of the files that people write, for their editors.

Drawn from the models that read the files, with the descriptions of their docstrings. An editor reads `no`, `007` and
`1` as YAML does, and Baton as the text that was written: where text belongs, the schema takes them all.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import core_schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_ATTRIBUTE = re.compile(r"^    (\w+): (.+(?:\n {8,}.+)*)", re.MULTILINE)


def json_schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    """The schema of a file that this model reads, in draft 2020-12.

    Args:
        model: its fields by the names that the file uses.
        title: of the file.
    """
    return {"$schema": DIALECT, **model.model_json_schema(schema_generator=_Generator), "title": title}


class _Generator(GenerateJsonSchema):
    def model_schema(self, schema: core_schema.ModelSchema) -> dict[str, Any]:
        """A model's, described by its docstring."""
        model, found = schema["cls"], super().model_schema(schema)
        found["description"] = _words((inspect.getdoc(model) or "").partition("\nAttributes:")[0])
        told = _attributes(model)
        for name, field in model.model_fields.items():
            described = found["properties"].get(field.alias or name)
            if described is not None:
                described.pop("title", None)  # Pydantic's own says the key again
                if described.get("default") in (None, [], {}) or isinstance(described["default"], dict):
                    described.pop("default", None)
                if name in told:
                    described["description"] = told[name]
        return found

    def str_schema(self, schema: core_schema.StringSchema) -> dict[str, Any]:
        """Text, as whatever YAML takes it for."""
        return {**super().str_schema(schema), "type": ["string", "number", "boolean"]}

    def nullable_schema(self, schema: core_schema.NullableSchema) -> dict[str, Any]:
        """What may be left out; null itself would be read as the word."""
        return self.generate_inner(schema["schema"])

    def literal_schema(self, schema: core_schema.LiteralSchema) -> dict[str, Any]:
        """One of these words; one that is a number also without quotes."""
        words = schema["expected"]
        return {"enum": [*words, *(int(word) for word in words if isinstance(word, str) and word.isdigit())]}


def _attributes(model: type[BaseModel]) -> dict[str, str]:
    """What docstrings say of a model's fields, its own before those of what it is derived from."""
    told: dict[str, str] = {}
    for base in reversed(model.__mro__):
        section = (inspect.getdoc(base) or "").partition("Attributes:\n")[2] if "__doc__" in vars(base) else ""
        told |= {found[1]: _words(found[2]) for found in _ATTRIBUTE.finditer(section)}
    return told


def _words(text: str) -> str:
    """The text in one line, as a sentence; code as it stands."""
    line = " ".join(text.split()).rstrip(".")
    return f"{line[:1].upper()}{line[1:]}." if line else ""
