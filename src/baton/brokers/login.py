"""Who Baton is to a broker: from the environment or a file, never from the command line, where `ps` shows it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

from baton.documents import read_text, refuse_if_open
from baton.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

USER = "BATON_BROKER_USER"
PASSWORD = "BATON_BROKER_PASSWORD"  # noqa: S105 - the name of a variable
FILE = "BATON_BROKER_CREDENTIALS"


class Login:
    """A user and a password; nothing that prints it shows either."""

    __slots__ = ("_basic",)

    def __init__(self, user: str, password: str) -> None:
        self._basic = base64.b64encode(f"{user}:{password}".encode()).decode()

    @property
    def header(self) -> str:
        """Value of `Authorization`, RFC 7617."""
        return f"Basic {self._basic}"


def login(environment: Mapping[str, str]) -> Login | None:
    """The login that the environment names: a file `user:password`, else the two variables; null without either.

    Raises:
        UsageError: one variable without the other, or a user with a colon, which no header can carry.
        InputError: the file cannot be read, others may read it, or it is not `user:password`.
    """
    file = environment.get(FILE)
    if file:
        return _from_file(Path(file))
    user, password = environment.get(USER), environment.get(PASSWORD)
    if user is None and password is None:
        return None
    if user is None or password is None:
        missing = USER if user is None else PASSWORD
        raise UsageError(f"${missing} is not set, and the other of ${USER} and ${PASSWORD} is: set both, or neither")
    if ":" in user:
        raise UsageError(f"${USER} has a colon, and HTTP ends the user there: use another user")
    return Login(user, password)


def _from_file(path: Path) -> Login:
    refuse_if_open(path)
    user, colon, password = read_text(path).removesuffix("\n").removesuffix("\r").partition(":")
    if not (user and colon and password) or "\n" in password:
        raise InputError(f"{path}: is not one line user:password; write it so (${FILE} names the file)")
    return Login(user, password)
