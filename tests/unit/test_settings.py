from __future__ import annotations

from pathlib import Path

import pytest

from baton.errors import InputError
from baton.ownership.catalog import EMPTY, Catalog
from baton.schema import GROUPING_KEYS, JOURNEY_KEYS
from baton.settings import (
    Keys,
    RedactionRules,
    Settings,
    contracts_paths,
    keys,
    load_settings,
    owners_paths,
    store_path,
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store's folder beside an empty working folder."""
    (tmp_path / "work").mkdir()
    (tmp_path / "store").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "store"


def test_the_store_is_the_option_the_variable_or_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """--store comes before $BATON_STORE, and that, unless empty, before ./baton-store."""
    monkeypatch.delenv("BATON_STORE", raising=False)
    assert store_path(None) == Path("baton-store")
    monkeypatch.setenv("BATON_STORE", "")
    assert store_path(None) == Path("baton-store")
    monkeypatch.setenv("BATON_STORE", "/data/baton")
    assert store_path(None) == Path("/data/baton")
    assert store_path("here") == Path("here")


def test_settings_come_from_the_store_else_the_working_folder(store: Path) -> None:
    """baton.toml in the store hides the one in the working folder; without either nothing is set."""
    assert load_settings(store) == Settings()
    Path("baton.toml").write_text('grouping_keys = ["tenant.id"]\n')
    assert load_settings(store) == Settings(grouping_keys=("tenant.id",))
    (store / "baton.toml").write_text('journey_keys = ["trade.id"]\n')
    assert load_settings(store) == Settings(journey_keys=("trade.id",))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("journey_key = []", "journey_key: [] is no key that Baton knows"),
        ("journey_keys = 'trade.id'", "journey_keys: 'trade.id' is not a list; write [one, two]"),
        ("journey_keys = ['trade.*']", "journey_keys[0]: 'trade.*' is a glob"),
        ("[redaction]\nhash = ['a?']", "redaction.hash[0]: 'a?' has a wildcard other than *"),
        ("[redaction]\nhide = []", "redaction.hide: [] is no key that Baton knows"),
        ("[redaction]\ndrop = [" + "'a'," * 1001 + "]", "redaction.drop: "),
        ("journey_keys = [7]", "journey_keys[0]: 7 is not text; put it in quotes"),
        ("retention_days = 0", "retention_days: "),
        ("retention_days = 'a month'", "retention_days: "),
        ("journey_keys =\n\n", "at line 1"),
        ("owners = 'a'\nowners = 'b'\n", "at line 2"),
        ("a = " + "[" * 100_000, "correct the TOML there"),
    ],
)
def test_faults_in_settings_are_told(store: Path, text: str, told: str) -> None:
    """Unknown keys, misfits and broken TOML are InputErrors that name the file and the place."""
    (store / "baton.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        load_settings(store)
    assert str(caught.value).startswith(f"{store / 'baton.toml'}: ")
    assert told in str(caught.value)


def test_telemetry_names_owners_by_attributes(store: Path) -> None:
    """By default `service.owner`; an empty list hears none."""
    assert load_settings(store).owner_attributes == ("service.owner",)
    (store / "baton.toml").write_text('owner_attributes = ["team", "k8s.label.team"]')
    assert load_settings(store).owner_attributes == ("team", "k8s.label.team")
    (store / "baton.toml").write_text("owner_attributes = []")
    assert load_settings(store).owner_attributes == ()


def test_retention_is_in_days() -> None:
    """Without it all is kept, however old."""
    assert Settings().kept_from_ns(10**18) is None
    assert Settings(retention_days=30).kept_from_ns(10**18) == 10**18 - 30 * 86_400 * 10**9


def test_the_ownership_file_is_looked_for_in_order(store: Path) -> None:
    """Option, baton.toml's, the store's ownership.yaml, the working folder's, none."""
    assert owners_paths((), store) == ()
    here = Path("ownership.yaml")
    here.touch()
    assert owners_paths((), store) == (here,)
    (store / "ownership.yaml").touch()
    assert owners_paths((), store) == (store / "ownership.yaml",)
    (store / "teams.yaml").touch()
    (store / "baton.toml").write_text('owners = "teams.yaml"')
    assert owners_paths((), store) == (store / "teams.yaml",)
    assert owners_paths((here,), store) == (here,)
    (store / "baton.toml").write_text('owners = ["teams.yaml", "ownership.yaml"]')
    assert owners_paths((), store) == (store / "teams.yaml", store / "ownership.yaml")


def test_a_named_ownership_file_must_exist(store: Path) -> None:
    """A missing file is an error where somebody named it, and the message says who."""
    here = store / "teams.yaml"
    here.touch()
    with pytest.raises(InputError, match=r"'none\.yaml', an ownership file named by --owners"):
        owners_paths((here, Path("none.yaml")), store)
    (store / "baton.toml").write_text('owners = "none.yaml"')
    with pytest.raises(InputError, match=r"none\.yaml', an ownership file named by baton\.toml"):
        owners_paths((), store)


def test_keys_come_from_the_first_that_names_them() -> None:
    """ownership.yaml over baton.toml over the defaults, list by list; an empty list is a list."""
    assert keys(EMPTY, Settings()) == Keys(JOURNEY_KEYS, GROUPING_KEYS)
    settings = Settings(journey_keys=("trade.id",), grouping_keys=("desk.id",))
    assert keys(EMPTY, settings) == Keys(("trade.id",), ("desk.id",))
    assert keys(Catalog(journey_keys=("deal.id",)), settings) == Keys(("deal.id",), ("desk.id",))
    assert keys(Catalog(grouping_keys=()), Settings()) == Keys(JOURNEY_KEYS, ())


def test_a_key_joins_or_groups() -> None:
    """A key in both lists, even where one is the default, is an error that names it and the next step."""
    with pytest.raises(InputError, match=r"'session\.id' is both .* take it out of journey_keys or grouping_keys"):
        keys(Catalog(journey_keys=("session.id",)), Settings())
    with pytest.raises(InputError, match=r"'deal\.id' is both"):
        keys(Catalog(journey_keys=("deal.id",)), Settings(grouping_keys=("deal.id",)))


def test_redaction_is_on_by_default_and_its_key_lies_beside_the_settings(store: Path) -> None:
    """Nothing set: the default rules, the store's own key. A key file is named from where baton.toml lies."""
    assert load_settings(store).redaction == RedactionRules(default=True)
    (store / "baton.toml").write_text("[redaction]\ndefault = false\nhash = ['Customer.*']\nkey_file = 'my.key'\n")
    expected = RedactionRules(default=False, hash=("Customer.*",), key_file=store / "my.key")
    assert load_settings(store).redaction == expected


def test_contracts_are_found_as_ownership_files_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The options' files, else baton.toml's, else contracts.yaml in the store; one that is not there is named."""
    monkeypatch.chdir(tmp_path)
    assert contracts_paths((), tmp_path) == ()
    usual, other = tmp_path / "contracts.yaml", tmp_path / "asyncapi.json"
    for path in (usual, other):
        path.touch()
    assert contracts_paths((), tmp_path) == (usual,)
    (tmp_path / "baton.toml").write_text('contracts = ["asyncapi.json"]\n')
    assert contracts_paths((), tmp_path) == (other,)
    assert contracts_paths((usual, other), tmp_path) == (usual, other)
    with pytest.raises(InputError, match=r"gone\.yaml.*named by --contracts.*name one that exists"):
        contracts_paths((tmp_path / "gone.yaml",), tmp_path)
