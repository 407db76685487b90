from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from baton.analysis import analyze, expect
from baton.ownership.catalog import EMPTY, Catalog
from baton.queries.trust import seen
from baton.schema import JOURNEY_KEYS
from baton.trust.trust import trust
from recording import LATER, Recording, ns, paired

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

Row = dict[str, Any]


def trusted(
    recording: Recording,
    at: float = LATER,
    *,
    catalog: Catalog = EMPTY,
    outages: pl.DataFrame | None = None,
    facts: pl.DataFrame | None = None,
) -> list[Row]:
    """TRUST of the recording as of `at`, a dict a boundary."""
    known = paired(recording, at, catalog, outages)
    analysis = analyze(known, expect(known, catalog), catalog, JOURNEY_KEYS, ns(at), facts=facts)
    return trust(analysis.judged, seen(analysis, known, catalog)).to_dicts()


@pytest.fixture
def rows() -> Callable[..., list[Row]]:
    """`trusted`."""
    return trusted


@pytest.fixture
def only() -> Callable[..., Row]:
    """The row of a recording with one boundary; arguments as of `trusted`."""

    def ask(recording: Recording, at: float = LATER, **rest: Any) -> Row:  # noqa: ANN401 - as of `trusted`
        (row,) = trusted(recording, at, **rest)
        return row

    return ask
