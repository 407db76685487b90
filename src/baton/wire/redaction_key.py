"""The file of the redaction key: text or bytes that nobody but Baton's own user may read.

Losing it makes it impossible to look a clear value up. Another key splits history: hashes from before and after differ.
So an absent key of a store that once had one is never replaced silently where a file is named for it, and a file that
cannot serve as a key is an error, not a reason to make a new one.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from baton.errors import InputError
from baton.limits import REDACTION_KEY_BYTES_MAX, REDACTION_KEY_BYTES_MIN
from baton.settings import REDACTION_KEY_FILE

if TYPE_CHECKING:
    from pathlib import Path

    from baton.settings import RedactionRules

_STAKES = "without its key no clear value can be looked up, and another key splits history"


def key_path(rules: RedactionRules, store: Path) -> Path:
    """Where the store's key lies: the settings' file, else `redaction.key` in the store."""
    return rules.key_file or store / REDACTION_KEY_FILE


def read_key(path: Path) -> bytes | None:
    """The key, 32 bytes: the BLAKE2b hash of what the file holds without white space around it; None if there is none.

    Raises:
        InputError: it cannot be read, others may read it, or it is too short or too long.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(REDACTION_KEY_BYTES_MAX + 1).strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}: let Baton's user read this redaction key ({_STAKES})") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InputError(
            f"{path}: mode {stat.S_IMODE(mode):04o} lets others read the redaction key: `chmod 600` it; if others had "
            "access, they can tell clear values from hashes"
        )
    if not REDACTION_KEY_BYTES_MIN <= len(content) <= REDACTION_KEY_BYTES_MAX:
        raise InputError(
            f"{path}: {len(content)} bytes are no redaction key; it has {REDACTION_KEY_BYTES_MIN} to "
            f"{REDACTION_KEY_BYTES_MAX}: restore it from its backup ({_STAKES}), or write a new one with "
            "`openssl rand -hex 32`"
        )
    return hashlib.blake2b(content, digest_size=32).digest()


def make_key(path: Path) -> bytes:
    """Makes a key file (64 hex digits, mode 0600), durable when this returns; one that is there meanwhile is taken.

    Raises:
        InputError: it cannot be written, or as `read_key`.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, does not replace what another process made meanwhile.
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}: the redaction key cannot be written; let Baton write there, or name a key_file "
            "under [redaction] in baton.toml"
        ) from error
    key = read_key(path)
    if key is None:
        raise InputError(f"{path}: the redaction key was removed as it was made: start again")
    return key
