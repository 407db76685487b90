from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.findings.impact import amount, currency
from baton.found import find
from baton.ownership.catalog import Catalog
from recording import Recording, analysed

NAMED = {"customer": "customer.id", "segment": "app.segment", "amount": "app.amount", "currency": "app.currency"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1234.56", "1234.56"),
        ("1234", "1234"),
        (" 12.50 ", "12.50"),
        ("1e3", "1000"),
        ("0.000000000000000001", "0.000000000000000001"),
        ("-99.5", "99.5"),
        ("+7", "7"),
        (".5", "0.5"),
        ("0", "0"),
        ("999999999999999", "999999999999999"),
    ],
)
def test_amounts_are_read_to_the_last_digit(text: str, value: str) -> None:
    """As text, as a whole number, as a double's text; of a refund its size."""
    assert amount(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        *("NaN", "Infinity", "-inf", "1e400", "1e999999999", "1e-400", "1000000000000000", "0." + "1" * 19),
        *("DROP TABLE", "", " ", "1,234.56", "1 234", "12 EUR", "0x10", "٣", "1_000", "--1", "1e", "9" * 500),
    ],
)
def test_what_is_no_amount_is_none(text: str) -> None:
    """Nothing hostile or ambiguous is added up."""
    assert amount(text) is None


@given(st.text(max_size=80))
@settings(deadline=None)
def test_any_text_is_an_amount_or_none(text: str) -> None:
    """It never raises, and is never negative, infinite or too large."""
    value = amount(text)
    assert value is None or 0 <= value < 10**15


def test_currencies_are_codes() -> None:
    """In capitals; what is no code is unknown."""
    assert [currency(text) for text in ("eur", " USD", "USDT", "", None, "€", "E", "EUR;DROP", "X" * 99)] == [
        *("EUR", "USD", "USDT"),
        *(None,) * 6,
    ]


def catalog(impact: dict[str, str], *kinds: dict[str, Any]) -> Catalog:
    """An ownership file with an impact of its own and of journey types."""
    told = [{"owner": "trade", "criticality": "high", **kind} for kind in kinds]
    return Catalog.model_validate({"teams": [{"name": "trade"}], "impact": impact, "journey_types": told})


def lost(recording: Recording, *told: dict[str, Any]) -> None:
    """Sixty messages that came; and one lost between them, in a journey of its own, whose entry says each of these."""
    recording.flow(range(60))
    for number, said in enumerate(told):
        entry = recording.span("trading", 2.1 + number / 100, "buy", attributes=said)
        recording.send(at=2.2 + number / 100, under=entry)


def costs(recording: Recording, owners: Catalog) -> dict[str, Any]:
    """The only finding."""
    analysis = analysed(recording, catalog=owners)
    (row,) = find(analysis.handoffs, analysis, owners).to_dicts()
    return row


def test_customers_and_money_are_counted() -> None:
    """Each customer once, money by currency, what cannot be read or is missing beside it."""
    recording = Recording()
    lost(
        recording,
        {"customer.id": "a", "app.segment": "retail", "app.amount": "0.10", "app.currency": "EUR"},
        {"customer.id": "a", "app.segment": "retail", "app.amount": "0.20", "app.currency": "eur"},
        {"customer.id": "b", "app.segment": "private", "app.amount": 7, "app.currency": "USD"},
        {"customer.id": "c", "app.amount": "1", "app.currency": "??"},
        {"app.amount": "NaN", "app.currency": "EUR"},
        {"customer.id": "d"},
    )
    row = costs(recording, catalog(NAMED))
    assert (row["count"], row["journeys"], row["customers"]) == (6, 6, 4)
    assert row["segments"] == [{"segment": "retail", "journeys": 2}, {"segment": "private", "journeys": 1}]
    assert row["amounts"] == [
        {"currency": "EUR", "amount": "0.30", "journeys": 2},
        {"currency": None, "amount": "1", "journeys": 1},
        {"currency": "USD", "amount": "7", "journeys": 1},
    ]
    assert (row["unreadable"], row["unpriced"]) == (1, 1)


def test_a_journey_counts_once() -> None:
    """Two of its messages lost, and its amount told by several spans: the earliest is heard."""
    recording = Recording()
    recording.flow(range(60))
    entry = recording.span("trading", 2, "buy", attributes={"app.amount": "5", "app.currency": "EUR"})
    later = recording.span("trading", 2.1, "book", under=entry, attributes={"app.amount": "900"})
    for at in (2.2, 2.3):
        recording.send(at=at, under=later)
    row = costs(recording, catalog(NAMED))
    assert (row["count"], row["journeys"]) == (2, 1)
    assert row["amounts"] == [{"currency": "EUR", "amount": "5", "journeys": 1}]


def test_a_journey_type_names_its_own_attributes() -> None:
    """What it leaves out, the file's own impact says; other journeys keep to the file's."""
    recording = Recording()
    both = {"customer.id": "a", "app.amount": "1", "app.nominal": "100", "app.currency": "EUR"}
    lost(recording, both)
    entry = recording.span("desk", 3, "deal", attributes=both)
    recording.send(at=3.1, under=entry)
    deal = {"name": "deal", "entry": {"service": "desk"}, "impact": {"amount": "app.nominal"}}
    row = costs(recording, catalog(NAMED, deal))
    assert row["amounts"] == [{"currency": "EUR", "amount": "101", "journeys": 2}]
    assert row["customers"] == 1


def test_nothing_named_claims_nothing() -> None:
    """No customer is not zero customers."""
    recording = Recording()
    lost(recording, {"customer.id": "a", "app.amount": "1"})
    row = costs(recording, Catalog())
    assert (row["customers"], row["amounts"], row["segments"], row["unreadable"]) == (None, [], [], 0)


def test_an_attribute_that_fills_a_column_is_found() -> None:
    """Decoding moves it out of the list: the customer may stand in any column."""
    recording = Recording()
    lost(recording, {"http.route": "/a"}, {"http.route": "/b"})
    assert costs(recording, catalog({"customer": "http.route"}))["customers"] == 2


def test_another_tenants_journey_of_the_same_id_is_not_heard() -> None:
    """Trace ids can be forged: its money is its own."""
    recording = Recording()
    lost(recording, {"app.amount": "1", "app.currency": "EUR"})
    send = recording.bodies[-1][1]["traceId"]
    forged = recording.span("trading", 0, "buy", tenant="evil", attributes={"app.amount": "999", "app.currency": "EUR"})
    recording.bodies[-1][1]["traceId"] = send
    assert forged
    assert costs(recording, catalog(NAMED))["amounts"] == [{"currency": "EUR", "amount": "1", "journeys": 1}]


def test_sums_are_exact() -> None:
    """A million tenths are a hundred thousand, not one in the last place of a float beside it."""
    from baton.findings.impact import cost  # noqa: PLC0415 - only this test calls it bare

    count = 1_000
    rows = pl.DataFrame(
        {"finding_id": ["f"] * count, "tenant": "t", "environment": "", "journey_id": [str(n) for n in range(count)]}
    )
    found = rows.drop("finding_id").with_columns(
        pl.lit("0.1").alias("amount"),
        pl.lit("EUR").alias("currency"),
        *(pl.lit(None, dtype=pl.String).alias(name) for name in ("customer", "segment")),
    )
    assert cost(rows, found)["amounts"].to_list() == [[{"currency": "EUR", "amount": "100.0", "journeys": count}]]
