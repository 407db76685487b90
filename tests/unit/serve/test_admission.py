from __future__ import annotations

import asyncio

import pytest

from baton.errors import UnavailableError
from baton.limits import JOURNAL_BACKLOG_BYTES_MAX, MEMORY_BYTES_CRITICAL, MEMORY_BYTES_HIGH, READS_PRESSED_MAX
from baton.serve import admission as module
from baton.serve.admission import Admission


@pytest.fixture(autouse=True)
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process of the tests itself holds is not what they are about."""
    monkeypatch.setattr(module, "resident_bytes", lambda: 0)


async def read(admission: Admission, log: list[str], name: str) -> None:
    """A read that never ends by itself."""
    try:
        with admission.reading():
            await asyncio.Event().wait()
    except UnavailableError as error:
        log.append(f"{name}: {error}")


def run(admission: Admission, count: int, *, then: str = "", seconds: float = 0) -> list[str]:
    """What was cut off, in order: of reads begun one by one, after `seconds`, and after `then` cut them all."""
    log: list[str] = []

    async def work() -> None:
        reads = [asyncio.create_task(read(admission, log, str(number))) for number in range(count)]
        watching = asyncio.create_task(admission.watch())
        for _ in range(5):
            await asyncio.sleep(seconds / 5)
        if then:
            admission.cut_all(then)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        for task in (watching, *reads):
            task.cancel()
        await asyncio.gather(watching, *reads, return_exceptions=True)

    asyncio.run(work())
    return log


def test_when_all_places_are_taken_the_oldest_gives_way() -> None:
    """It is told to try again; the later ones go on."""
    log = run(Admission(places=3), 5)
    assert [line.partition(":")[0] for line in log] == ["0", "1"]
    assert "others wait and this one is slow; try again" in log[0]


def test_few_places_are_left_when_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the mark the oldest go and the newest few stay; when it is critical, none."""
    monkeypatch.setattr(module, "resident_bytes", lambda: MEMORY_BYTES_HIGH + 1)
    assert len(run(Admission(), READS_PRESSED_MAX + 3, seconds=0.3)) == 3
    monkeypatch.setattr(module, "resident_bytes", lambda: MEMORY_BYTES_CRITICAL + 1)
    assert len(run(Admission(), READS_PRESSED_MAX + 3, seconds=0.3)) == READS_PRESSED_MAX + 3


def test_a_slow_sender_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """When its time is over, without anybody else."""
    monkeypatch.setattr(module, "READ_S_MAX", 0.01)
    monkeypatch.setattr(module, "MEMORY_LOOK_S", 0.01)
    told = "0: the request was not sent within 0.01 s: try again"
    assert run(Admission(), 1, seconds=0.5) == [told]


def test_all_are_cut_off_at_the_stop() -> None:
    """Each is told why."""
    log = run(Admission(), 2, then="the endpoint stops")
    assert len(log) == 2
    assert all("the endpoint stops" in line for line in log)


def test_a_read_that_is_cancelled_otherwise_stays_cancelled() -> None:
    """Only what the admission itself cut off becomes an answer."""

    async def work() -> None:
        admission = Admission()
        task = asyncio.create_task(read(admission, [], "x"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())


def test_bytes_held_have_a_sum() -> None:
    """What would go beyond it is refused; what was let go makes room, and holding less is always possible."""
    admission = Admission()
    with admission.holding() as first, admission.holding() as second:
        first.grow(JOURNAL_BACKLOG_BYTES_MAX)
        with pytest.raises(UnavailableError, match="try again"):
            second.grow(1)
        first.grow(-1)
        second.grow(1)
        assert admission.held == JOURNAL_BACKLOG_BYTES_MAX
    assert admission.held == 0
