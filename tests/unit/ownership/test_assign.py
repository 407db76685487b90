from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from baton.limits import TIME_NS_MAX
from baton.ownership.assign import assign, owners, service_facts, span_facts
from baton.ownership.catalog import EMPTY, Catalog
from baton.ownership.rules import compile_rules
from baton.schema import SPANS, UNOWNED
from baton.spans.repair import repair

if TYPE_CHECKING:
    from collections.abc import Callable

    from baton.looks import Spans

BANK = """
teams:
  - name: trading
    owns: {services: [trade-execution, "trade-*"], channels: ["trade.*"], queues: [notify-q]}
  - {name: wealth, owns: {namespaces: [wealth], channels: [trade.events]}}
  - {name: risk, owns: {services: ["*-risk"], queues: ["notify-*"]}}
"""


def attribute(key: str, value: str) -> dict[str, Any]:
    """One attribute of a string value, as `schema.ATTRIBUTE`."""
    return {"key": key, "value": value, "type": 1}


def teams(spans: Spans, catalog: Catalog) -> list[str]:
    """The team of each span, in their order."""
    assigned = assign(spans, catalog)
    assert assigned.rows["row"].to_list() == spans.rows["row"].to_list()
    return assigned["team"].to_list()


def test_spans_gain_the_team_of_their_service(catalog: Callable[[str], Catalog], mended: Callable[..., Spans]) -> None:
    """Service rules come before namespace rules, what no rule matches is unowned, rows keep their order."""
    spans = mended(
        {"service": "trade-execution", "service_namespace": "wealth"},
        {"service": "gateway", "service_namespace": "wealth"},
        {"service": "gateway", "service_namespace": None},
        {"service": "trade-risk", "service_namespace": "wealth"},
        {"service": "trade-execution", "service_namespace": None},
    )
    # trade-risk: "trade-*" has six literal characters, "*-risk" five.
    assert teams(spans, catalog(BANK)) == ["trading", "wealth", UNOWNED, "trading", "trading"]


def test_parts_of_a_service_have_owners_of_their_own(
    catalog: Callable[[str], Catalog], mended: Callable[..., Spans]
) -> None:
    """An RPC service and an HTTP route come before their service, and an RPC service before a route."""
    parted = catalog(
        "teams: [{name: a, owns: {services: [s]}}, {name: b, owns: {http_routes: ['/trades*']}}, "
        "{name: c, owns: {rpc_services: ['bank.trading.*']}}]"
    )
    rpc, route = {"rpc_service": "bank.trading.Orders"}, {"http_route": "/trades/{id}"}
    spans = mended(
        {"service": "s"}, {"service": "s", **route}, {"service": "s", **rpc}, {"service": "s", **rpc, **route}
    )
    assert teams(spans, parted) == ["a", "b", "c", "c"]


def test_a_gray_area_is_unowned(catalog: Callable[[str], Catalog], mended: Callable[..., Spans]) -> None:
    """Two teams that name the same service make it unowned, though its namespace has an owner."""
    two = catalog(
        "teams: [{name: a, owns: {services: [s]}}, {name: b, owns: {services: [s]}}, "
        "{name: c, owns: {namespaces: [n]}}]"
    )
    spans = mended({"service": "s", "service_namespace": "n"}, {"service": "t", "service_namespace": "n"})
    assert teams(spans, two) == [UNOWNED, "c"]


def test_without_a_catalog_all_is_unowned(mended: Callable[..., Spans]) -> None:
    """The empty catalog leaves no team null, and changes nothing else of the spans."""
    spans = mended({"service": "a"}, {"service": None})
    assigned = assign(spans, EMPTY)
    assert assigned["team"].to_list() == [UNOWNED, UNOWNED]
    assert assigned.lazy().drop("team").collect().equals(spans.lazy().collect())


def test_no_spans_gain_the_column(catalog: Callable[[str], Catalog], mended: Callable[..., Spans]) -> None:
    """No rows in, no rows out, with the column `team` of dtype String, also where attributes or dates are asked."""
    dated = catalog(
        "teams: [{name: a, owns: {services: [{name: s, from: 2026-01-01}], "
        "attributes: {k: v, messaging.message.id: m, order.id: o}}}]"
    )
    for rules in (EMPTY, dated):
        assigned = assign(mended(), rules).lazy().collect()
        assert (assigned.height, assigned.schema["team"]) == (0, pl.String())


def test_attributes_come_first(catalog: Callable[[str], Catalog], mended: Callable[..., Spans]) -> None:
    """An attribute rule outranks the rule on the service; spans without the attribute fall back to it."""
    both = catalog("teams: [{name: a, owns: {services: [s]}}, {name: b, owns: {attributes: {app.domain: 'pay*'}}}]")
    domain = attribute("app.domain", "payments")
    spans = mended({"service": "s"}, {"service": "s", "attributes": [domain]}, {"service": "t", "resource": [domain]})
    assert teams(spans, both) == ["a", "b", "b"]


REORGANISED = """
teams:
  - {name: old, until: "1970-01-01T00:00:00.000000100Z", owns: {services: [s], channels: [c], attributes: {k: v}}}
  - {name: new, from: "1970-01-01T00:00:00.000000100Z", owns: {services: ["*"], channels: [c], attributes: {k: v}}}
"""


def test_a_span_is_whose_it_was_when_it_began(catalog: Callable[[str], Catalog], mended: Callable[..., Spans]) -> None:
    """The first instant of the new owner is the first that is not the old one's; attributes are dated alike."""
    says = {"attributes": [attribute("k", "v")]}
    spans = mended(
        {"service": "s", "start_ns": 99, "end_ns": 500},
        {"service": "s", "start_ns": 100, "end_ns": 500},
        {"service": "t", "start_ns": 99, "end_ns": 99},
        {"service": "t", "start_ns": 99, "end_ns": 99, **says},
        {"service": "t", "start_ns": 100, "end_ns": 100, **says},
    )
    assert teams(spans, catalog(REORGANISED)) == ["old", "new", UNOWNED, "old", "new"]


def test_telemetry_names_an_owner_where_no_file_does(
    catalog: Callable[[str], Catalog], mended: Callable[..., Spans]
) -> None:
    """A file's namespace rule comes before it, a gray area stays one, and only that tenant's process is meant."""
    bank = catalog("teams: [{name: a, owns: {services: [two], namespaces: [n]}}, {name: b, owns: {services: [two]}}]")
    told = {"resource": [attribute("service.owner", "told")]}
    spans = mended(
        {"service": "s", **told},
        {"service": "s", "tenant": "other"},
        {"service": "s", "service_namespace": "n", **told},
        {"service": "two", **told},
        {"service": "s", "service_instance": "2"},
    )
    assert teams(spans, bank) == ["told", UNOWNED, "a", UNOWNED, UNOWNED]


def test_names_have_owners(catalog: Callable[[str], Catalog]) -> None:
    """Channels, queues and services are looked up among the rules of their kind: exact over glob, else unowned."""
    bank = catalog(BANK)
    assert owners(["trade.events", "trade.new", "mail", "mail"], "channel", bank) == {
        "trade.events": "wealth",
        "trade.new": "trading",
        "mail": UNOWNED,
    }
    assert owners(pl.Series(["notify-q", "notify-x"]), "queue", bank) == {"notify-q": "trading", "notify-x": "risk"}
    assert owners(["notify-q"], "service", bank) == {"notify-q": UNOWNED}


def test_names_have_owners_at_a_time(catalog: Callable[[str], Catalog]) -> None:
    """Where nobody says when, whoever owns it after all dates."""
    dated = catalog(REORGANISED)
    assert owners(["c"], "channel", dated, 99) == {"c": "old"}
    assert owners(["c"], "channel", dated) == {"c": "new"}


def test_facts_leave_out_what_is_unknown(catalog: Callable[[str], Catalog]) -> None:
    """A service without a namespace has one fact, and explains as a span of it is assigned."""
    assert service_facts("s", "n") == (("service", "s"), ("namespace", "n"))
    assert service_facts("s", None) == (("service", "s"),)
    assert service_facts("s", None, "service.owner", "a") == (("service", "s"), ("telemetry", "service.owner", "a"))
    assert service_facts("s", None, "service.owner", None) == (("service", "s"),)
    assert span_facts(None, "/r", service_facts("s", None)) == (("http_route", "/r"), ("service", "s"))
    rules = compile_rules(catalog(BANK))
    assert [str(rule) for rule in rules.explain(*service_facts("trade-execution", "wealth")).matched] == [
        "service trade-execution -> trading",
        "service trade-* -> trading",
        "namespace wealth -> wealth",
    ]


TIMES = st.integers(0, 5)
DATES = st.tuples(st.none() | TIMES, st.none() | TIMES).filter(lambda dates: None in dates or dates[0] < dates[1])
CLAIMS = st.tuples(
    st.sampled_from(["red", "green"]),
    st.sampled_from(["services", "namespaces", "http_routes", "attributes"]),
    st.sampled_from(["a", "b", "*", "a*"]),
    DATES,
)
WORD = st.sampled_from(["a", "b", "ab", None])


def told(claims: list[tuple[str, str, str, tuple[int | None, int | None]]]) -> Catalog:
    """A catalog of these claims."""
    owns: dict[str, dict[str, list[dict[str, Any]]]] = {"red": {}, "green": {}}
    for team, section, name, (begins, ends) in claims:
        named = {"key": "k", "value": name} if section == "attributes" else {"name": name}
        owns[team].setdefault(section, []).append({**named, "from_ns": begins, "until_ns": ends})
    return Catalog.model_validate({"teams": [{"name": team, "owns": claimed} for team, claimed in owns.items()]})


@given(st.lists(CLAIMS, max_size=6), st.lists(st.tuples(TIMES, WORD, WORD, WORD, WORD), max_size=6))
def test_dates_judge_each_time_by_its_own_catalog(
    claims: list[tuple[str, str, str, tuple[int | None, int | None]]], said: list[tuple[Any, ...]]
) -> None:
    """Spans have the teams that a catalog without dates, of those claims alone that hold when they begin, gives."""
    rows = [
        {
            "tenant": "bank",
            "environment": "",
            "service_instance": "",
            "trace_id": bytes(16),
            "span_id": at.to_bytes(8, "big"),
            "trace_key": 0,
            "span_key": at,
            "start_ns": begins,
            "end_ns": begins,
            "service": service,
            "service_namespace": namespace,
            "http_route": route,
            "attributes": [] if value is None else [attribute("k", value)],
        }
        for at, (begins, service, namespace, route, value) in enumerate(said, 1)
    ]
    spans = repair(pl.DataFrame(rows, schema=SPANS.schema).lazy(), TIME_NS_MAX)
    expected = []
    for at, (begins, *_) in enumerate(said):
        holding = [
            (team, section, name, (None, None))
            for team, section, name, (since, until) in claims
            if (since is None or since <= begins) and (until is None or begins < until)
        ]
        apart = replace(spans, rows=spans.rows[at : at + 1].drop("row").with_row_index("row"))
        expected += teams(apart, told(holding))
    assert teams(spans, told(claims)) == expected
