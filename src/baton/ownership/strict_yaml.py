"""YAML in which every scalar is text, read strictly.

Ownership files hold names: `no`, `007` and `2024-01-01` are names there, not a truth value, a number and a date. So
PyYAML's base loader is used, which makes only `str`, `list` and `dict`, whatever tags stand in the file. Two things it
would let pass are refused: a key given twice (the first would vanish without a word) and aliases (a few lines of them
expand to gigabytes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from baton import limits
from baton.documents import quote
from baton.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

_STEP = "correct the YAML there"


class _StrictLoader(yaml.BaseLoader):
    """PyYAML's base loader, without aliases, twin keys and bottomless nesting."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs leave it out
        if isinstance(event, yaml.AliasEvent):
            raise _refused(event, f"{quote(f'*{event.anchor}')} is an alias", "write the value out")
        if self.depth == limits.NESTING_MAX:
            raise _refused(event, f"nested deeper than {limits.NESTING_MAX} levels", "flatten it")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise _refused(key, f"the key {quote(key.value)} is given twice", "keep one")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def parse(text: str, path: Path) -> object:
    """The only document of the text, as `dict`, `list` and `str`.

    Args:
        text: YAML.
        path: where it was read, for messages.

    Raises:
        InputError: not YAML, several documents, a key given twice, an alias, or nested too deeply.
    """
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a base loader: makes only str, list and dict
    except yaml.MarkedYAMLError as error:
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if (mark := error.problem_mark) else ""
        raise InputError(f"{path}: {where}{error.problem}; {error.note or _STEP}") from error
    except yaml.YAMLError as error:
        # The reader's own: a character that YAML does not allow, with its position on the first line.
        raise InputError(f"{path}: {str(error).splitlines()[0]}; {_STEP}") from error


def _refused(at: yaml.Event | yaml.Node, problem: str, step: str) -> yaml.MarkedYAMLError:
    mark = at.start_mark
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark, note=step)  # type: ignore[arg-type]  # the stubs also allow the C loader's marks
