from __future__ import annotations

import re
from pathlib import Path

import pytest

from baton.schema import TRUST
from baton.trust.blinds import BLINDS, WEAK, Hindrance

DOCS = Path(__file__).parents[3] / "docs" / "trust.md"
TABLES = {"blinds": BLINDS, "weak": WEAK}


def table(rows: tuple[Hindrance, ...]) -> str:
    """The rows as Markdown; names that a sentence fills in stand in capitals."""
    lines = ["| name | reason | change |", "| --- | --- | --- |"]
    lines += [f"| {row.name} | {row.told} | {row.change or 'none needed'} |" for row in rows]
    return re.sub(r"\{(\w+)\}", lambda found: found[1].upper(), "\n".join(lines)) + "\n"


@pytest.mark.parametrize("name", TABLES)
def test_the_documentation_shows_every_hindrance(name: str, request: pytest.FixtureRequest) -> None:
    """The tables of docs/trust.md are those that decide."""
    block = re.compile(rf"(?<=<!-- begin {name} -->\n).*?(?=<!-- end {name} -->)", re.DOTALL)
    if request.config.getoption("--golden-update"):
        DOCS.write_text(block.sub(lambda _: table(TABLES[name]), DOCS.read_text()))
    assert block.findall(DOCS.read_text()) == [table(TABLES[name])], "if it should differ, run with --golden-update"


def test_the_documentation_names_columns_that_are_there() -> None:
    """Every field under "Evidence" is one of TRUST's."""
    evidence = DOCS.read_text().split("## Evidence")[1].split("##", maxsplit=1)[0]
    fields = re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in evidence.splitlines() if line[:1] == "|"))
    assert fields
    assert set(fields) <= set(TRUST.names)
