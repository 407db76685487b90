"""Where the store is, which ownership file holds, which attributes join or group journeys, and which are redacted.

`baton.toml` lies in the store or in the working folder:

    journey_keys = ["trade.id"]       # attributes that join the traces of one undertaking
    grouping_keys = ["session.id"]    # attributes that group journeys and never join them
    owners = "teams/ownership.yaml"   # relative to baton.toml; of several files a list
    contracts = "contracts.yaml"      # the same: contracts.yaml files and AsyncAPI documents
    owner_attributes = ["service.owner"]  # resource attributes by which a process says whose it is
    retention_days = 30               # spans taken earlier are deleted; without it all are kept

    [redaction]                       # globs over attribute keys: * is any text, case is nothing, - and _ are alike
    default = true                    # `baton.wire.redaction` says what is redacted unless this is false
    drop = ["http.request.header.x-internal"]
    hash = ["customer.*"]             # a keyed hash in the value's place: equal values stay equal
    keep = ["enduser.role"]           # exceptions, which win over all
    key_file = "redaction.key"        # relative to baton.toml; else redaction.key in the store, made at the first start
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from baton.documents import AttributeKey, Text, quote, read_text, validate
from baton.errors import InputError
from baton.limits import DAY_NS, REDACTION_RULES_MAX
from baton.schema import GROUPING_KEYS, JOURNEY_KEYS, OWNER_ATTRIBUTES

STORE_VARIABLE = "BATON_STORE"
STORE_DEFAULT = Path("baton-store")
SETTINGS_FILE = "baton.toml"
OWNERS_FILE = "ownership.yaml"
CONTRACTS_FILE = "contracts.yaml"
REDACTION_KEY_FILE = "redaction.key"


def _key_glob(value: str) -> str:
    if any(wildcard in value for wildcard in "?["):
        raise ValueError("has a wildcard other than *, the only one here; write * or the whole name")
    return value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


KeyGlobs = Annotated[tuple[Annotated[Text, AfterValidator(_key_glob)], ...], Field(max_length=REDACTION_RULES_MAX)]


class RedactionRules(BaseModel):
    """Which attributes are redacted before anything is written; `baton.wire.redaction` states the laws.

    Attributes:
        default: whether the default rules hold, after the ones here.
        keep: globs of attribute keys that stay as they are, whatever else says.
        drop: those that are taken out.
        hash: those whose values a keyed hash replaces.
        key_file: where the hash's key lies; null for `redaction.key` in the store.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    default: Annotated[bool, Field(strict=True)] = True
    keep: KeyGlobs = ()
    drop: KeyGlobs = ()
    hash: KeyGlobs = ()
    key_file: Path | None = None


class Settings(BaseModel):
    """What baton.toml sets; null where it sets nothing.

    Attributes:
        journey_keys: span attributes that join the traces of one undertaking.
        grouping_keys: span attributes that group journeys and never join them.
        owners: the ownership files; in baton.toml one, or a list.
        contracts: the files of contracts, likewise.
        owner_attributes: resource attributes by which a process says whose it is; what ownership files say comes first.
        retention_days: how long spans are kept, from when Baton took them: that clock is Baton's own, while a sender's
            may be years off and would have its spans deleted at once, or never. Null keeps all.
        redaction: which attributes are redacted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    journey_keys: tuple[AttributeKey, ...] | None = None
    grouping_keys: tuple[AttributeKey, ...] | None = None
    owners: Annotated[tuple[Path, ...], BeforeValidator(_listed)] = ()
    contracts: Annotated[tuple[Path, ...], BeforeValidator(_listed)] = ()
    owner_attributes: tuple[AttributeKey, ...] = OWNER_ATTRIBUTES
    retention_days: Annotated[int, Field(strict=True, gt=0)] | None = None
    redaction: RedactionRules = RedactionRules()

    def kept_from_ns(self, now_ns: int) -> int | None:
        """Spans ingested before are deleted; null keeps all."""
        return None if self.retention_days is None else now_ns - self.retention_days * DAY_NS


@dataclass(frozen=True, slots=True)
class Keys:
    """The attributes that join journeys, and those that group them."""

    journey: tuple[str, ...]
    grouping: tuple[str, ...]


class NamesKeys(Protocol):
    """A file that may name journey and grouping keys."""

    @property
    def journey_keys(self) -> tuple[str, ...] | None:
        """Null where it names none."""

    @property
    def grouping_keys(self) -> tuple[str, ...] | None:
        """Null where it names none."""


def store_path(option: str | None) -> Path:
    """The store's folder: the option, else $BATON_STORE, else ./baton-store. It need not exist."""
    return Path(option or os.environ.get(STORE_VARIABLE) or STORE_DEFAULT)


def load_settings(store: Path) -> Settings:
    """The settings of baton.toml in the store, else in the working folder, else none.

    Raises:
        InputError: baton.toml is not TOML or has a key or value that does not fit.
    """
    path = _first_file(store / SETTINGS_FILE, Path(SETTINGS_FILE))
    if path is None:
        return Settings()
    try:
        content = tomllib.loads(read_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{path}: {error}; correct the TOML there") from error
    settings = validate(Settings, content, path)
    redaction = settings.redaction
    return settings.model_copy(
        update={
            "owners": tuple(path.parent / named for named in settings.owners),
            "contracts": tuple(path.parent / named for named in settings.contracts),
            "redaction": redaction.model_copy(update={"key_file": _beside(path, redaction.key_file)}),
        }
    )


def _beside(path: Path, named: Path | None) -> Path | None:
    return None if named is None else path.parent / named


def owners_paths(options: tuple[Path, ...], store: Path) -> tuple[Path, ...]:
    """The ownership files: the options', baton.toml's, or ownership.yaml in the store or else in the working folder.

    Returns:
        existing files; none where there is none, and then all is unowned.

    Raises:
        InputError: one of the options' or baton.toml's is no file, or baton.toml has a fault.
    """
    named = options or load_settings(store).owners
    return _existing(named, store, OWNERS_FILE, "an ownership file", "--owners" if options else SETTINGS_FILE)


def contracts_paths(options: tuple[Path, ...], store: Path) -> tuple[Path, ...]:
    """The files of contracts, found as ownership files are; without any nothing was agreed. Errors as of these."""
    named = options or load_settings(store).contracts
    return _existing(named, store, CONTRACTS_FILE, "a file of contracts", "--contracts" if options else SETTINGS_FILE)


def _existing(named: tuple[Path, ...], store: Path, usual: str, kind: str, source: str) -> tuple[Path, ...]:
    """The named files, which must exist; where none is named, the usual one."""
    if not named:
        found = _first_file(store / usual, Path(usual))
        return () if found is None else (found,)
    for path in named:
        if not path.is_file():
            raise InputError(f"{quote(str(path))}, {kind} named by {source}, is no file; name one that exists")
    return named


def keys(catalog: NamesKeys, settings: NamesKeys) -> Keys:
    """The journey and grouping keys: the ownership file's, else baton.toml's, else the schema's.

    Raises:
        InputError: a key is in both lists.
    """
    journey = _first_named(catalog.journey_keys, settings.journey_keys, JOURNEY_KEYS)
    grouping = _first_named(catalog.grouping_keys, settings.grouping_keys, GROUPING_KEYS)
    both = sorted({*journey} & {*grouping})
    if both:
        raise InputError(
            f"{quote(both[0])} is both a journey key and a grouping key, and a key either joins journeys or groups "
            f"them; take it out of journey_keys or grouping_keys in {OWNERS_FILE} or {SETTINGS_FILE} (a list that "
            f"neither names holds the defaults: name it)"
        )
    return Keys(journey, grouping)


def _first_named(*lists: tuple[str, ...] | None) -> tuple[str, ...]:
    return next(names for names in lists if names is not None)


def _first_file(*paths: Path) -> Path | None:
    return next((path for path in paths if path.is_file()), None)
