from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from baton.brokers.login import Login, login
from baton.errors import InputError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def said(found: Login | None) -> str:
    """User and password of a login."""
    assert found is not None
    return base64.b64decode(found.header.removeprefix("Basic ")).decode()


def test_the_environment_names_user_and_password(tmp_path: Path) -> None:
    """Two variables, or a file of one line, which wins; without any there is no login."""
    file = tmp_path / "login"
    file.write_text("bäton:p:w\n")
    file.chmod(0o600)
    both = {"BATON_BROKER_USER": "u", "BATON_BROKER_PASSWORD": ""}
    assert said(login(both)) == "u:"
    assert said(login({**both, "BATON_BROKER_CREDENTIALS": str(file)})) == "bäton:p:w"
    assert login({}) is None


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"BATON_BROKER_USER": "u"}, r"\$BATON_BROKER_PASSWORD is not set"),
        ({"BATON_BROKER_PASSWORD": "geheim"}, r"\$BATON_BROKER_USER is not set"),
        ({"BATON_BROKER_USER": "a:b", "BATON_BROKER_PASSWORD": "geheim"}, "has a colon"),
    ],
)
def test_half_a_login_is_refused(environment: dict[str, str], says: str) -> None:
    """The message names the variable, and no password."""
    with pytest.raises(UsageError, match=says) as refused:
        login(environment)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        ("u:geheim", 0o604, "others may use it"),
        ("geheim", 0o600, "not one line user:password"),
        ("u:geheim\nmore", 0o600, "not one line user:password"),
        (":geheim", 0o600, "not one line user:password"),
        ("", 0o600, "not one line user:password"),
    ],
)
def test_a_file_that_is_open_or_no_login_is_refused(tmp_path: Path, content: str, mode: int, says: str) -> None:
    """The message names the file, and no password."""
    file = tmp_path / "login"
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(InputError, match=says) as refused:
        login({"BATON_BROKER_CREDENTIALS": str(file)})
    assert "geheim" not in str(refused.value)


def test_a_login_does_not_show_itself() -> None:
    """Printed or logged by mistake, it shows neither user nor password."""
    shown = f"{Login('user', 'geheim')!r}{Login('user', 'geheim')}"
    assert "geheim" not in shown
    assert base64.b64encode(b"user:geheim").decode() not in shown
