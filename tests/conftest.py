"""The golden files: text that people read, kept as `tests/golden/<name>` and compared whole.

`pytest --golden-update` writes them anew; read the difference before you commit it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable

# A deadline is an assertion on the wall clock, and machines are busy.
settings.register_profile("baton", deadline=None)
settings.load_profile("baton")

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--golden-update`."""
    parser.addoption("--golden-update", action="store_true", help="Write the golden files anew instead of comparing.")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the golden file of that name, or write it under `--golden-update`."""

    def check(name: str, text: str) -> None:
        file = GOLDEN / name
        if request.config.getoption("--golden-update"):
            file.write_bytes(text.encode())
            return
        assert file.is_file(), f"{file} is missing: write it with --golden-update, and read it"
        assert text == file.read_bytes().decode(), f"differs from {file}: if it should, run with --golden-update"

    return check
