from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

import pytest
import trustme

if TYPE_CHECKING:
    from pathlib import Path


class Pair(NamedTuple):
    """PEM files of a certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """Issues certificates into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA()
        self.certificate = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(self.certificate)

    def issue(self, name: str, first_year: int = 2020, last_year: int = 2999) -> Pair:
        """A certificate for `name`, valid over these years."""
        issued = self._authority.issue_cert(
            name,
            not_before=dt.datetime(first_year, 1, 1, tzinfo=dt.UTC),
            not_after=dt.datetime(last_year, 1, 1, tzinfo=dt.UTC),
        )
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        pair.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(pair.key)
        pair.key.chmod(0o600)
        return pair


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A certificate authority of its own."""
    return Authority(tmp_path)
