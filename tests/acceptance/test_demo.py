from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_the_demo_reports_what_the_queue_lost(tmp_path: Path) -> None:
    """`baton demo`, whatever the shell configures of OpenTelemetry.

    The report counts the very confirmations and ticks that the queue's own ledger says it evicted, and names the
    queue, who crowded them out, and every team concerned.
    """
    done = subprocess.run(
        [sys.executable, "-m", "baton", "demo", "--store", tmp_path / "store"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"COLUMNS": "110", "HOME": str(tmp_path), "OTEL_SDK_DISABLED": "true"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    ledger = re.search(r"ledger ([\d,]+) confirmations and ([\d,]+) ticks were evicted", done.stdout)
    assert ledger is not None, done.stdout
    confirmations, ticks = ledger.groups()
    assert int(confirmations) > 0
    report = done.stdout[: ledger.start()]
    for line in (
        f"{confirmations} of 80 handoffs from trading to notifications over wealth.events were dropped",
        f"{ticks} of 677 handoffs from market-data to notifications over wealth.events were dropped: overflow",
        "accountable  messaging, escalation #messaging-oncall",
        "sender       trading (trade-execution)",
        "channel      messaging (wealth.events)",
        "receiver     notifications (notification)",
        "because      messaging owns wealth.events: its limit and its isolation decide what is lost",
        ", trade-execution (trading, critical) ",
        "changed      market-data's rate rose from ",
        " EUR",
        f"{confirmations} trade-confirmation (owned by wealth)",
    ):
        assert line in report
    assert "the same messages, one for one." in done.stdout
    assert masked(done.stdout) == masked(shown()), "the README shows another demo: paste the output of `make demo` anew"


def shown() -> str:
    """The demo's output as the README shows it."""
    text = (Path(__file__).parents[2] / "README.md").read_text()
    text = text.split("<!-- begin demo -->\n```console\n$ make demo\n")[1].split("```\n<!-- end demo -->")[0]
    build, _, shown = text.partition("\n")
    assert build.startswith("baton: building .venv")
    return shown


def masked(output: str) -> list[str]:
    """What must not differ between two runs: words, not times, ids, folders, figures or the lines' ends."""
    # The last lines offer to remove a temporary store; the test keeps its own.
    output = re.sub(r"\S*/\S*", "FOLDER", output.partition("Try next:")[0])
    # On a busy machine some wait longer than the two seconds declared.
    output = re.sub(r" \([\d,]+ delivered late\)", "", output)
    # Which trades were lost decides whose customers and currencies they were, and what stood nearest to the first.
    output = re.sub(r"(changed|cost)  .*?(?=now  |finding  )", r"\1 ", output, flags=re.DOTALL)
    # Who held the queue at one moment of many.
    output = re.sub(
        r"the queue held [\d,]+ messages? of .*?(?=\s+- |\s+see )", "the queue held SOME", output, flags=re.DOTALL
    )
    # Of the hypotheses that do not fit, any may be the best.
    output = re.sub(r"runner-up: .*?,\s+fit", "runner-up: ANOTHER, fit", output, flags=re.DOTALL)
    output = re.sub(r"\b[0-9a-f]{12,32}\b", "ID", output)
    output = re.sub(r"\d[\d:.,-]*( ms| s\b|%| %)?", "N", output)
    return output.split()
