"""Bearer tokens: who may send spans, and whose they are.

    tokens:
      - token: 9f2c...              # or token_sha256: its SHA-256 in hex, so that the file holds no secret
        tenant: retail
        may: [ingest]               # ingest, read; without it, ingest

A presented token is looked up by an HMAC under a key that this process made up: how long that takes says nothing about
any token, for nobody outside can tell what is compared. Tokens are not kept, and no message repeats one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, model_validator

from baton.documents import Text, read_text, refuse_if_open, validate
from baton.errors import ForbiddenError, InputError, UnauthenticatedError
from baton.limits import TOKEN_CHARS_MAX, TOKEN_CHARS_MIN
from baton.ownership import strict_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from baton.documents import Place

VARIABLE = "BATON_TOKENS"
CHALLENGE = "Bearer"

Right = Literal["ingest", "read"]

# RFC 6750, b64token.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SCHEME = "bearer "


class _Entry(BaseModel):
    """One token of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: str | None = None
    token_sha256: str | None = None
    tenant: Text
    may: tuple[Right, ...] = ("ingest",)

    @model_validator(mode="after")
    def _fits(self) -> _Entry:
        if (self.token is None) == (self.token_sha256 is None):
            raise ValueError("needs either token or token_sha256; write one of them")
        if self.token is not None:
            _check(self.token)
        if self.token_sha256 is not None and not _SHA256.fullmatch(self.token_sha256):
            raise ValueError("has a token_sha256 that is not 64 lower-case hex digits; write what sha256sum prints")
        return self

    def sha256(self) -> bytes:
        """Of the token."""
        return bytes.fromhex(self.token_sha256) if self.token_sha256 else _sha256(self.token or "")


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: tuple[_Entry, ...]


class _Grant(NamedTuple):
    tenant: str
    may: tuple[Right, ...]


class Tokens:
    """The tokens that are known."""

    def __init__(self, grants: Iterable[tuple[bytes, str, tuple[Right, ...]]]) -> None:
        """Takes them by their SHA-256.

        Args:
            grants: SHA-256 of the token, tenant, rights.

        Raises:
            ValueError: there are none, or one is given twice; the message gives its place.
        """
        self._key = secrets.token_bytes(32)
        self._grants: dict[bytes, _Grant] = {}
        for position, (sha256, tenant, may) in enumerate(grants):
            mark = self._mark(sha256)
            if mark in self._grants:
                raise ValueError(f"tokens[{position}] is the same token as an earlier one; give every exporter its own")
            self._grants[mark] = _Grant(tenant, may)
        if not self._grants:
            raise ValueError("tokens is empty; write at least one, or leave tokens out")

    def __str__(self) -> str:
        tenants = {grant.tenant for grant in self._grants.values()}
        return f"{len(self._grants)} of {len(tenants)} tenant" + ("" if len(tenants) == 1 else "s")

    def tenant(self, authorization: str | None, right: Right) -> str:
        """Whose the presented token is.

        Args:
            authorization: the header's value, `Bearer TOKEN`.
            right: what is asked for.

        Raises:
            UnauthenticatedError: no token, or an unknown one.
            ForbiddenError: it allows something else.
        """
        scheme, token = (authorization or "")[: len(_SCHEME)], (authorization or "")[len(_SCHEME) :].strip()
        if scheme.lower() != _SCHEME or len(token) > TOKEN_CHARS_MAX:
            raise UnauthenticatedError("no bearer token: send the header `authorization: Bearer TOKEN`")
        grant = self._grants.get(self._mark(_sha256(token)))
        if grant is None:
            raise UnauthenticatedError("the bearer token is not known here: check it with whoever runs Baton")
        if right not in grant.may:
            raise ForbiddenError(f"the bearer token may {' and '.join(grant.may)}, not {right}: send one that may")
        return grant.tenant

    def _mark(self, sha256: bytes) -> bytes:
        return hmac.digest(self._key, sha256, "sha256")


def load_tokens(path: Path | None, environment: Mapping[str, str]) -> Tokens | None:
    """The tokens of the file, else of $BATON_TOKENS (`tenant=token,tenant=token`), else None.

    Raises:
        InputError: the file cannot be read, may be read by others, or has a fault; or the variable has one.
    """
    if path is not None:
        return _from_file(path)
    if variable := environment.get(VARIABLE):
        return _from_variable(variable)
    return None


def _from_file(path: Path) -> Tokens:
    refuse_if_open(path)
    text = read_text(path)
    return _tokens(strict_yaml.parse(text, path), path, partial(strict_yaml.line_of, text))


def _from_variable(variable: str) -> Tokens:
    """Validated as the file is: the same names, the same bounds, the same words."""
    pairs = [pair.partition("=") for pair in variable.split(",")]
    entries = [{"tenant": tenant.strip(), "token": token.strip()} for tenant, _, token in pairs]
    return _tokens({"tokens": entries}, Path(f"${VARIABLE}"))


def _tokens(data: object, path: Path, lines: Callable[[Place], int] | None = None) -> Tokens:
    file = validate(_File, data, path, secret=True, lines=lines)
    try:
        return Tokens((entry.sha256(), entry.tenant, entry.may) for entry in file.tokens)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error


def _check(token: str) -> None:
    if not TOKEN_CHARS_MIN <= len(token) <= TOKEN_CHARS_MAX:
        raise ValueError(
            f"has a token of {len(token)} characters; {TOKEN_CHARS_MIN} to {TOKEN_CHARS_MAX} are taken: "
            "`openssl rand -hex 32` makes one"
        )
    if not _TOKEN.fullmatch(token):
        raise ValueError("has a token with characters that no header may carry; use letters, digits and -._~+/")


def _sha256(token: str) -> bytes:
    return hashlib.sha256(token.encode("latin-1", "replace")).digest()
