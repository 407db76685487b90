from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from baton.errors import ForbiddenError, InputError, UnauthenticatedError
from baton.limits import TOKEN_CHARS_MAX
from baton.serve.tokens import Tokens, load_tokens

if TYPE_CHECKING:
    from pathlib import Path

RETAIL, MARKETS, READER = "retail-0123456789", "markets-0123456789", "reader-0123456789"
SHA256 = hashlib.sha256(MARKETS.encode()).hexdigest()
FILE = f"""
tokens:
  - {{token: {RETAIL}, tenant: retail}}
  - {{token_sha256: {SHA256}, tenant: markets, may: [ingest, read]}}
  - {{token: {READER}, tenant: retail, may: [read]}}
"""


def loaded(folder: Path, content: str, mode: int = 0o600) -> Tokens:
    """The tokens of a file with this content."""
    path = folder / "tokens.yaml"
    path.write_text(content)
    path.chmod(mode)
    tokens = load_tokens(path, {})
    assert tokens is not None
    return tokens


def test_a_token_belongs_to_a_tenant(tmp_path: Path) -> None:
    """Given in clear or as its SHA-256, and whatever the case of the scheme."""
    tokens = loaded(tmp_path, FILE)
    assert tokens.tenant(f"Bearer {RETAIL}", "ingest") == "retail"
    assert tokens.tenant(f"bearer  {MARKETS} ", "ingest") == "markets"
    assert tokens.tenant(f"Bearer {READER}", "read") == "retail"
    assert str(tokens) == "3 of 2 tenants"


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        RETAIL,
        f"Basic {RETAIL}",
        f"Bearer {RETAIL}x",
        f"Bearer {RETAIL[:-1]}",
        f"Bearer {SHA256}",
        "Bearer " + "x" * (TOKEN_CHARS_MAX + 1),
        "Bearer \udcff☃",
    ],
)
def test_whoever_has_no_known_token_stays_out(tmp_path: Path, authorization: str | None) -> None:
    """Nothing near a token passes, the hash of one neither; and the refusal repeats nothing of it."""
    with pytest.raises(UnauthenticatedError) as caught:
        loaded(tmp_path, FILE).tenant(authorization, "ingest")
    assert not authorization or authorization[7:] == "" or authorization[7:] not in str(caught.value)


def test_a_token_may_do_what_it_may_and_no_more(tmp_path: Path) -> None:
    """A reader's token does not ingest, an exporter's does not read."""
    tokens = loaded(tmp_path, FILE)
    for token, right in ((READER, "ingest"), (RETAIL, "read")):
        with pytest.raises(ForbiddenError, match=rf"not {right}"):
            tokens.tenant(f"Bearer {token}", right)


def test_the_environment_may_give_them(tmp_path: Path) -> None:
    """`tenant=token,tenant=token`; a file goes before it, and without either there are none."""
    tokens = load_tokens(None, {"BATON_TOKENS": f"retail={RETAIL}, markets={MARKETS}=="})
    assert tokens is not None
    assert tokens.tenant(f"Bearer {MARKETS}==", "ingest") == "markets"
    path = tmp_path / "t.yaml"
    path.write_text(f"tokens: [{{token: {READER}, tenant: own}}]")
    path.chmod(0o600)
    tokens = load_tokens(path, {"BATON_TOKENS": "retail=short"})
    assert tokens is not None
    assert tokens.tenant(f"Bearer {READER}", "ingest") == "own"
    assert load_tokens(None, {"BATON_TOKENS": ""}) is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("tokens: []", "tokens is empty"),
        ("{}", "tokens is required"),
        ("tokens: [{token: SECRET-89012345, tenant: t}]", "15 characters; 16 to 4096"),
        ("tokens: [{token: SECRET-890123456, tenant: ''}]", r"tokens\[0\].tenant is empty"),
        ("tokens: [{token: SECRET-890123456}]", r"tokens\[0\].tenant is required"),
        ("tokens: [{tenant: t}]", "either token or token_sha256"),
        (f"tokens: [{{tenant: t, token: SECRET-890123456, token_sha256: {SHA256}}}]", "either token or token_sha256"),
        ("tokens: [{tenant: t, token_sha256: SECRET}]", "64 lower-case hex digits"),
        ("tokens: [{tenant: t, tokn: SECRET-890123456}]", r"tokens\[0\].tokn is no key"),
        ("tokens: [{tenant: t, token: SECRET 890123456}]", "no header may carry"),
        ("tokens: [{tenant: t, token: SECRET-890123456, may: [write]}]", r"tokens\[0\].may\[0\] does not fit"),
        ("tokens: [{tenant: t, token: SECRET-890123456}, {tenant: u, token: SECRET-890123456}]", r"tokens\[1\]"),
    ],
)
def test_a_fault_is_told_without_the_token(tmp_path: Path, content: str, told: str) -> None:
    """Place and next step, and never the secret, though it stands right there."""
    with pytest.raises(InputError, match=told) as caught:
        loaded(tmp_path, content)
    assert "SECRET" not in str(caught.value)
    assert "tokens.yaml" in str(caught.value)


def test_a_fault_in_the_environment_is_told_without_the_token() -> None:
    """Too short, without a tenant, without a token."""
    for variable in ("t=SECRET", "SECRET-890123456", "t=SECRET-890123456,"):
        with pytest.raises(InputError, match=r"\$BATON_TOKENS") as caught:
            load_tokens(None, {"BATON_TOKENS": variable})
        assert "SECRET" not in str(caught.value)


def test_a_file_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    """Its group may; others may not."""
    assert loaded(tmp_path, FILE, 0o640)
    with pytest.raises(InputError, match=r"mode 644.*chmod o="):
        loaded(tmp_path, FILE, 0o644)
    with pytest.raises(InputError, match="No such file"):
        load_tokens(tmp_path / "none", {})
