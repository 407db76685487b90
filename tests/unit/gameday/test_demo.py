from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from baton.errors import UnavailableError, UsageError
from baton.gameday import demo
from baton.gameday.score import Score

if TYPE_CHECKING:
    from pathlib import Path

_EXACT = Score(evicted={}, dropped={}, missed=(), wrong=())


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    """Other spans in the store would be judged as the demo's own; the error names the folder and the next step."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="name a new folder with --store") as raised:
        demo.demo(tmp_path)
    assert str(tmp_path) in str(raised.value)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    """It is told apart from an empty folder."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="holds something already"):
        demo.demo(tmp_path / "file")


def test_a_command_that_fails_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A report over no store ends with 3 and says why; the demo does not judge its empty output."""
    with pytest.raises(UnavailableError, match="`baton report` ended with exit code 3"):
        demo._baton(tmp_path / "nothing", "report", output=None)
    assert str(tmp_path / "nothing") in capfd.readouterr().err


@pytest.mark.parametrize("kept", [True, False])
def test_only_a_temporary_store_is_offered_for_removal(tmp_path: Path, *, kept: bool) -> None:
    """The commands to try next name the store, quoted; a folder that the user named is the user's."""
    closing = demo._closing(tmp_path / "a store", _EXACT, kept=kept)
    assert f"baton findings --store '{tmp_path}/a store'" in closing
    assert f"baton drops --store '{tmp_path}/a store'" in closing
    assert ("rm -r" in closing) is not kept
