from __future__ import annotations

import json
from typing import TYPE_CHECKING

from baton.cli import main
from baton.json_schema import json_schema
from baton.ownership.catalog import OwnershipFile

if TYPE_CHECKING:
    import pytest


def test_the_schema_is_printed_for_editors(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """`baton schema ownership` prints the schema of the model that reads the file, as JSON."""
    assert main(["schema", "ownership"]) == 0
    printed = json.loads(capfdbinary.readouterr().out)
    assert printed == json_schema(OwnershipFile, printed["title"])
