"""What is told of files that were read well: what was not used of them, and where they differ."""

from __future__ import annotations

from collections import defaultdict

from baton.documents import quote
from baton.limits import REMARK_EXAMPLES_MAX, REMARKS_MAX


class Remarks:
    """Remarks, each once with what it concerns."""

    def __init__(self) -> None:
        self._about: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, remark: str, about: str) -> None:
        """Say this of that."""
        self._about[remark].add(about)

    def notes(self) -> tuple[str, ...]:
        """As sentences, sorted: `not used: metadata.tags: component:a, component:b and 7 more`."""
        notes = [f"{remark}: {_some(sorted(about))}" for remark, about in sorted(self._about.items())]
        if len(notes) > REMARKS_MAX:
            return (*notes[:REMARKS_MAX], f"and {len(notes) - REMARKS_MAX} remarks more of this kind")
        return tuple(notes)


def gray_area(section: str, what: str) -> str:
    """How the remark begins on what several claim with equal right."""
    return f"gray area, {section} {quote(what)} claimed with equal right"


def conflict(section: str, what: str) -> str:
    """How the remark begins on what two sources say otherwise of."""
    return f"conflict over {section} {quote(what)},"


def _some(names: list[str]) -> str:
    more = len(names) - REMARK_EXAMPLES_MAX
    return ", ".join(names[:REMARK_EXAMPLES_MAX]) + (f" and {more} more" if more > 0 else "")
