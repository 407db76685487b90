from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from baton.errors import NotFoundError, StoreError
from baton.store.layout import Layout, check_format, write_format

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_written_is_accepted(tmp_path: Path) -> None:
    """A store made by this version is read by it."""
    write_format(Layout(tmp_path))
    check_format(Layout(tmp_path))


def test_no_store_names_the_path_and_the_next_step(tmp_path: Path) -> None:
    """A path without a store says how to fill one."""
    with pytest.raises(NotFoundError, match=r"nowhere: fill one with `baton serve` or `baton load`"):
        check_format(Layout(tmp_path / "nowhere"))


@pytest.mark.parametrize("content", ['{"format": 99}', '{"format": "1"}', "{}", "[]"])
def test_an_unknown_format_is_refused_and_named(tmp_path: Path, content: str) -> None:
    """Another version's store is not read on the chance that it fits."""
    (tmp_path / "store.json").write_text(content)
    with pytest.raises(StoreError, match=r"has format (99|'1'|None), this Baton reads 1"):
        check_format(Layout(tmp_path))


def test_a_damaged_format_file_is_an_error(tmp_path: Path) -> None:
    """Half a file is not a missing store: it is not made anew over what is there."""
    (tmp_path / "store.json").write_text('{"form')
    with pytest.raises(StoreError, match="cannot be read"):
        check_format(Layout(tmp_path))
