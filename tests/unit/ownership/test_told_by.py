from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from baton.limits import NAME_CHARS_MAX
from baton.ownership.told_by import REFUSED, TOLD, TOLD_BY, hear, resources

if TYPE_CHECKING:
    from collections.abc import Callable

    from baton.looks import Spans


def attribute(key: str, value: str, kind: int = 1) -> dict[str, Any]:
    """One attribute, as `schema.ATTRIBUTE`."""
    return {"key": key, "value": value, "type": kind}


def heard(spans: Spans, *attributes: str) -> list[tuple[Any, ...]]:
    """What each span's look says of its owner."""
    found = hear(spans, resources(spans), attributes or ("service.owner",))
    return found.select(TOLD_BY, TOLD, REFUSED).rows()


def test_the_newest_span_speaks_for_its_process(mended: Callable[..., Spans]) -> None:
    """Whatever an older one said; an instance, a version and a tenant of their own are processes of their own."""

    def span(at: int, owner: str | None, **place: str) -> dict[str, Any]:
        said = [] if owner is None else [attribute("service.owner", owner)]
        return {"service": "s", "start_ns": at, "end_ns": at, "resource": said, **place}

    spans = mended(
        span(1, "old"),
        span(2, "new"),
        span(1, None, name="another look"),
        span(3, "two", service_instance="2"),
        span(9, None, tenant="other"),
        span(9, None, service_version="v2"),
    )
    new, nothing = ("service.owner", "new", False), (None, None, False)
    assert heard(spans) == [new, new, new, ("service.owner", "two", False), nothing, nothing]


def test_where_nobody_names_an_owner_looks_are_as_they_were(mended: Callable[..., Spans]) -> None:
    """No column is added: an answer without such telemetry costs no more."""
    spans = mended({"service": "s", "resource": [attribute("x", "y")], "attributes": [attribute("service.owner", "a")]})
    assert hear(spans, resources(spans), ("service.owner",)).looks.columns == spans.looks.columns


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("trading", ("service.owner", "trading", False)),
        ("unowned", ("service.owner", None, False)),
        ("trading | deposits", ("service.owner", None, True)),
        ("", ("service.owner", None, True)),
        (" trading", ("service.owner", None, True)),
        ("tra\x1b[2Jding", ("service.owner", None, True)),
        ("x" * (NAME_CHARS_MAX + 1), ("service.owner", None, True)),
    ],
)
def test_what_is_no_name_is_refused(mended: Callable[..., Spans], value: str, said: tuple[Any, ...]) -> None:
    """Control characters, spaces around it, nothing, too much, several: such a value is marked, and nobody's name."""
    spans = mended({"service": "s", "resource": [attribute("service.owner", value)]})
    assert heard(spans) == [said]


def test_the_first_attribute_that_is_there_counts(mended: Callable[..., Spans]) -> None:
    """In the order of the settings, not of the resource; a value that is no string is none."""
    both = [attribute("team", "b"), attribute("service.owner", "a")]
    spans = mended({"service": "s", "resource": both}, {"service": "t", "resource": [attribute("team", "5", 3)]})
    assert heard(spans, "service.owner", "team") == [("service.owner", "a", False), (None, None, False)]
    assert heard(spans, "team", "service.owner") == [("team", "b", False), (None, None, False)]
