"""A report's head and tail in words: what was judged, how it came out, what nobody owns. For text and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baton.reports.times import moment
from baton.schema import VERDICTS

if TYPE_CHECKING:
    from baton.reports.model import Report


def head(report: Report) -> list[tuple[str, str]]:
    """Label and value of what was judged, with what, and the figures per verdict."""
    return [
        ("judged", _judged(report)),
        ("as of", moment(report.as_of_ns)),
        ("verdicts", _verdicts(report)),
        ("store", str(report.store)),
        ("learned", f"expectations {report.profile}" if report.profile else "nothing from this store yet"),
    ]


def outcome(report: Report) -> str:
    """How it came out, in a sentence or two; that nothing was dropped is said as plainly as that something was."""
    if not sum(report.counts.values()):
        return (
            "There is nothing to judge: no handoff matches. "
            "Ask for more (--since, --until, --team, --journey-type), or bring in spans: `baton load`, `baton serve`."
        )
    dropped, stuck = report.counts.get("dropped", 0), report.counts.get("stuck", 0)
    lost = f"{_handoffs(dropped)} dropped" if dropped else "Nothing was dropped"
    held = f"{stuck:,} {'is' if stuck == 1 else 'are'} stuck" if stuck else "nothing is stuck"
    return " ".join([f"{lost}, {held}.", *_caveats(report)])


def unowned(report: Report) -> list[str]:
    """What has traffic and no owner, a line each."""
    return [f"{kind} {name}: {_count(rows)}" for kind, name, rows in report.unowned]


def _judged(report: Report) -> str:
    """How many handoffs, of which window."""
    since = f" since {moment(report.since_ns)}" if report.since_ns is not None else ""
    until = f" until {moment(report.until_ns)}" if report.until_ns is not None else ""
    return f"{_count(sum(report.counts.values()))} sent{since}{until}"


def _verdicts(report: Report) -> str:
    """Figures per verdict, those without rows left out."""
    parts = [f"{report.counts[verdict]:,} {verdict}" for verdict in VERDICTS if report.counts.get(verdict)]
    late = f" ({report.late:,} delivered late)" if report.late else ""
    return (", ".join(parts) or "none") + late


def _caveats(report: Report) -> list[str]:
    """What an all-clear does not cover."""
    unobserved, pending = report.counts.get("unobserved", 0), report.counts.get("pending", 0)
    blind = f"{unobserved:,} could not be observed: see the blind spots." if unobserved else ""
    open_ = f"{pending:,} cannot be judged yet." if pending else ""
    return [caveat for caveat in (blind, open_) if caveat]


def _count(rows: int) -> str:
    """`1 handoff`, `60 handoffs`."""
    return f"{rows:,} handoff" + ("" if rows == 1 else "s")


def _handoffs(rows: int) -> str:
    """`1 handoff was`, `60 handoffs were`."""
    return f"{_count(rows)} {'was' if rows == 1 else 'were'}"
