from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import click
import polars as pl
import pytest

import baton
import crossings
import incident
from baton import cli
from baton.cli import brokers, contracts, output
from baton.errors import NotFoundError, StoreError
from baton.limits import TEXT_WIDTH_DEFAULT, TEXT_WIDTH_MAX, TEXT_WIDTH_MIN
from baton.reports.times import parse
from baton.schema import VERDICTS
from baton.serve.options import Options
from crossings import drawn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMANDS = sorted(cli.cli.commands)
QUESTIONS = ("report", "handoffs", "drops", "boundaries")


@dataclass(frozen=True)
class Question:
    """The question as the command line puts it."""

    store: Path
    owners: tuple[Path, ...] = ()
    since_ns: int | None = None
    until_ns: int | None = None
    as_of_ns: int | None = None
    verdicts: tuple[str, ...] = ()
    journey_type: str | None = None
    team: str | None = None
    tenant: str | None = None
    contracts: tuple[Path, ...] = ()


class Terminal(io.TextIOWrapper):
    """A standard stream that says whether it is a terminal."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")
        self.terminal = terminal

    def isatty(self) -> bool:
        """As asked for."""
        return self.terminal


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Question]:
    """Stands in for `baton.queries` with the incident's answers, and keeps the questions."""
    questions: list[Question] = []

    def answer(value: object) -> Callable[..., object]:
        def ask(question: Question, *_: str) -> object:
            questions.append(question)
            return value

        return ask

    stub(
        monkeypatch,
        "queries",
        Question=Question,
        handoffs=answer(incident.handoffs()),
        report=answer(incident.REPORT),
        journey=answer(incident.JOURNEY),
        who=answer(incident.WHO),
        map_of=answer(drawn(crossings.bank())),
        boundaries=answer(incident.BOUNDARIES),
        findings=answer(incident.FINDINGS),
        finding=answer(incident.FINDINGS.head(1)),
        recovery=answer(incident.RECOVERY),
        told=lambda _, found: (incident.OVERFLOW, incident.SMS_DOWN)[: found.height],
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BATON_STORE", raising=False)
    return questions


def stub(monkeypatch: pytest.MonkeyPatch, module: str, **members: object) -> None:
    """Put a stand-in in the place of a module that commands import when they run."""
    stand_in = SimpleNamespace(**members)
    monkeypatch.setitem(sys.modules, f"baton.{module}", stand_in)
    monkeypatch.setattr(baton, module, stand_in, raising=False)


def raising(error: BaseException) -> Callable[..., object]:
    """A query that fails."""

    def ask(*_: object) -> object:
        raise error

    return ask


def parameters() -> Iterator[tuple[str, click.Option]]:
    """Every option of every command, and of the groups."""
    groups = (brokers.broker, contracts.contracts)
    nested = {f"{group.name} {name}": one for group in groups for name, one in group.commands.items()}
    for name, command in {"baton": cli.cli, **cli.cli.commands, **nested}.items():
        yield from ((name, option) for option in command.params if isinstance(option, click.Option))


def test_import_is_light() -> None:
    """Importing the command line imports nothing heavy: `baton --help` answers at once."""
    heavy = "polars numpy numba grpc deltalake rich pydantic scipy networkx starlette uvicorn"
    script = f"import sys, baton.cli; print(*set('{heavy}'.split()) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_issue_names_every_command() -> None:
    """The commands are those promised, no more and no fewer."""
    promised = ["boundaries", "broker", "compact", "demo", "drops", "finding", "findings", "forget", "handoffs"]
    promised += ["contracts", "coverage", "journey", "lint", "load", "map", "recover", "report", "schema", "serve"]
    promised += ["trust", "whatif", "who"]
    assert sorted(promised) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    """Each command says what it does, in a first line that the list of commands shows whole."""
    command = cli.cli.commands[name]
    assert command.help
    assert not command.get_short_help_str(limit=66).endswith("...")


@pytest.mark.parametrize(("command", "option"), list(parameters()), ids=lambda value: getattr(value, "name", value))
def test_every_option_has_help(command: str, option: click.Option) -> None:
    """Each option says what it is for."""
    assert option.help, f"{command} {option.opts[0]} lacks help"


def test_verdict_help_names_all_verdicts() -> None:
    """The help of --verdict lists the schema's verdicts, though it may not import the schema."""
    (option,) = (option for name, option in parameters() if name == "handoffs" and option.opts == ["--verdict"])
    assert all(verdict in option.help for verdict in VERDICTS)


@pytest.mark.parametrize("entry", [["-m", "baton"], ["-c", "import sys; from baton.cli import main; sys.exit(main())"]])
def test_version(entry: list[str]) -> None:
    """The module and the entry point are the same command."""
    done = subprocess.run([sys.executable, *entry, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"baton {baton.__version__}\n"


@pytest.mark.parametrize("command", QUESTIONS)
def test_defaults(command: str, asked: list[Question], capsys: pytest.CaptureFixture[str]) -> None:
    """Without options the question is the whole default store as of now, and drops are a success."""
    assert cli.main([command]) == 0
    assert capsys.readouterr().out
    verdicts = ("dropped", "stuck") if command == "drops" else ()
    assert asked == [Question(store=Path("baton-store"), verdicts=verdicts)]


def test_every_option_reaches_the_question(asked: list[Question], tmp_path: Path) -> None:
    """Times arrive as exact nanoseconds, verdicts from lists and repetitions, files as paths."""
    owners, agreed = tmp_path / "teams.yaml", tmp_path / "agreed.yaml"
    owners.touch()
    agreed.touch()
    window = ["--since", "2025-03-14T09:26:53.589793238Z", "--until", "2025-03-15", "--as-of", "2025-03-16"]
    narrow = [
        "--verdict",
        "dropped,stuck",
        "--verdict",
        "pending",
        "--journey-type",
        "t",
        "--team",
        "w",
        "--tenant",
        "retail",
    ]
    files = ["--owners", str(owners), "--contracts", str(agreed)]
    assert cli.main(["handoffs", "--store", "s", *files, *window, *narrow]) == 0
    assert asked == [
        Question(
            store=Path("s"),
            owners=(owners,),
            since_ns=1_741_944_413_589_793_238,
            until_ns=parse("2025-03-15", 0),
            as_of_ns=parse("2025-03-16", 0),
            verdicts=("dropped", "stuck", "pending"),
            journey_type="t",
            team="w",
            tenant="retail",
            contracts=(agreed,),
        )
    ]


def test_relative_times_count_back_from_now(asked: list[Question], monkeypatch: pytest.MonkeyPatch) -> None:
    """`--since -15m` takes a value that looks like an option."""
    monkeypatch.setattr("time.time_ns", lambda: 10**18)
    assert cli.main(["report", "--since", "-15m"]) == 0
    assert asked[0].since_ns == 10**18 - 900 * 10**9


def test_the_store_may_come_from_the_environment(asked: list[Question], monkeypatch: pytest.MonkeyPatch) -> None:
    """$BATON_STORE stands where --store does not."""
    monkeypatch.setenv("BATON_STORE", "elsewhere")
    assert cli.main(["report"]) == 0
    assert asked[0].store == Path("elsewhere")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["drops", "--since", "yesterday"], "'yesterday' is not a time"),
        (["drops", "--since", "2025-03-15", "--until", "2025-03-14"], "--since is not before --until"),
        (["handoffs", "--verdict", "dropped,lost"], "'lost' is no verdict"),
        (["handoffs", "--format", "xml"], "'xml' is not one of"),
        (["drops", "--verdict", "delivered"], "--verdict"),
        (["journey"], "Missing argument 'ID'"),
        (["load"], "Missing argument 'PATH...'"),
        (["forget", "customer.id"], "'customer.id' is not KEY=VALUE"),
        (["forget", "=4711"], "'=4711' is not KEY=VALUE"),
        (["forget", "customer.id="], "'customer.id=' is not KEY=VALUE"),
        (["nonsense"], "No such command 'nonsense'"),
        (["drops", "--since", "\x1b[31m"], r"'\x1b[31m'"),
    ],
)
@pytest.mark.usefixtures("asked")
def test_usage_errors(arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is asked wrongly exits with 2 and one line that names the value, safe to show."""
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("baton: ")
    assert named in error
    assert error.count("\n") == 1


def test_without_arguments_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """`baton` alone is a usage error that lists the commands."""
    assert cli.main([]) == 2
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            NotFoundError("no journey '\x1b[2J': see `baton handoffs`"),
            3,
            r"baton: no journey '\x1b[2J': see `baton handoffs`",
        ),
        (StoreError("store 's' is in use"), 3, "baton: store 's' is in use"),
        (PermissionError(13, "Permission denied", "s"), 3, "baton: [Errno 13] Permission denied: 's': check"),
        (ZeroDivisionError("secret\x1b"), 70, "baton: unexpected ZeroDivisionError, a bug: please report it"),
        (pl.exceptions.PanicException("boom"), 70, "baton: unexpected PanicException"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
@pytest.mark.usefixtures("asked")
def test_failures(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every failure ends in its exit code and at most one line, without a traceback."""
    monkeypatch.setattr(baton.queries, "journey", raising(error))
    monkeypatch.delenv("BATON_DEBUG", raising=False)
    assert cli.main(["journey", "x"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.strip().startswith(said)
    assert captured.err.count("\n") == 1
    assert "\x1b" not in captured.err


@pytest.mark.usefixtures("asked")
def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """BATON_DEBUG=1 is how a bug is looked into."""
    monkeypatch.setattr(baton.queries, "report", raising(ZeroDivisionError()))
    monkeypatch.setenv("BATON_DEBUG", "1")
    assert cli.main(["report"]) == 70
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.usefixtures("asked")
def test_row_formats(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """`--format` chooses what is printed, Parquet's bytes included."""
    printed = {}
    for form in ("table", "json", "ndjson", "csv", "parquet", "markdown"):
        assert cli.main(["handoffs", "--format", form]) == 0
        printed[form] = capfdbinary.readouterr().out
    assert "dropped" in printed["table"].decode()
    assert len(json.loads(printed["json"])) == 4
    assert len(printed["ndjson"].splitlines()) == 4
    assert printed["csv"].startswith(b"handoff_id,")
    assert pl.read_parquet(io.BytesIO(printed["parquet"])).equals(incident.handoffs())
    assert printed["markdown"].startswith(b"| sent at |")


@pytest.mark.parametrize(
    ("form", "start"), [("table", "boundary"), ("json", "["), ("csv", "from_team,"), ("markdown", "|")]
)
@pytest.mark.usefixtures("asked")
def test_boundary_formats(form: str, start: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Boundaries come in four formats."""
    assert cli.main(["boundaries", "--format", form]) == 0
    assert capsys.readouterr().out.startswith(start)


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (["findings"], "finding "),
        (["findings", "--format", "json"], '[\n{"finding_id"'),
        (["findings", "--format", "ndjson"], '{"finding_id"'),
        (["findings", "--format", "csv"], "finding_id,"),
        (["findings", "--format", "markdown"], "| finding |"),
        (["finding", "7d1c0a"], "27 of 60 handoffs"),
        (["finding", "7d1c0a", "--format", "markdown"], "# 27 of 60 handoffs"),
        (["finding", "7d1c0a", "--format", "json"], '[\n{"finding_id"'),
        (["recover", "7d1c0a"], "sent_at,"),
        (["recover", "7d1c0a", "--format", "json"], '[\n{"sent_at"'),
        (["recover", "7d1c0a", "--format", "markdown"], "| sent at |"),
    ],
)
@pytest.mark.usefixtures("asked")
def test_finding_formats(arguments: list[str], start: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Findings, one of them and its work list come in the forms that were promised, people's first."""
    assert cli.main(arguments) == 0
    assert capsys.readouterr().out.startswith(start)


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (["report"], "28 handoffs were dropped"),
        (["report", "--format", "markdown"], "# Baton report"),
        (["journey", "T-1000"], f"Journey {incident.TRACES[0]}"),
        (["who", "wealth.events"], "wealth.events: channel, owned by messaging"),
        (["who", "wealth.events", "--format", "json"], '{\n "name": "wealth.events"'),
        (["map"], "map of    teams"),
        (["map", "--graph", "services", "--journey-type", "trade"], "map of"),
        (["map", "--format", "mermaid"], "flowchart LR"),
        (["map", "--format", "dot"], "digraph baton {"),
        (["map", "--format", "graphml"], "<?xml"),
        (["map", "--format", "json"], '{\n "directed": true'),
    ],
)
@pytest.mark.usefixtures("asked")
def test_people_read(arguments: list[str], start: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The commands print their renderer's text, without colour where there is no terminal."""
    assert cli.main(arguments) == 0
    out = capsys.readouterr().out
    assert out.startswith(start)
    assert "\x1b" not in out


def test_parquet_is_not_thrown_at_a_terminal(
    asked: list[Question], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Binary to a terminal is refused before any work is done, with the next step."""
    monkeypatch.setattr("sys.stdout", Terminal(terminal=True))
    assert cli.main(["drops", "--format", "parquet"]) == 2
    assert "redirect it" in capsys.readouterr().err
    assert asked == []


@pytest.mark.parametrize(
    ("terminal", "environment", "colored"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
    ],
)
@pytest.mark.usefixtures("asked")
def test_color(terminal: bool, environment: dict[str, str], colored: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 # parametrized
    """Colour appears on a terminal that wants it, and nowhere else."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stdout = Terminal(terminal=terminal)
    monkeypatch.setattr("sys.stdout", stdout)
    assert cli.main(["report"]) == 0
    assert (b"\x1b[" in stdout.buffer.getvalue()) is colored


@pytest.mark.parametrize(
    ("columns", "width"), [("5", TEXT_WIDTH_MIN), ("99999", TEXT_WIDTH_MAX), ("100", 100), ("0", TEXT_WIDTH_DEFAULT)]
)
def test_width(columns: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text is as wide as the terminal within bounds that can be read, and of a fixed width without one."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.__stdout__", Terminal(terminal=False))
    assert output.screen()["width"] == width


@pytest.mark.usefixtures("asked")
def test_a_terminal_that_knows_no_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an encoding cannot say is escaped instead of failing."""
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stdout)
    assert cli.main(["handoffs"]) == 0
    assert rb"trading \u2192 notification" in stdout.buffer.getvalue()


def printing(rows: int, stdout: Any, unbuffered: str) -> subprocess.Popen[bytes]:  # noqa: ANN401 # Popen's own type
    """A process that prints so many rows once its standard input is closed."""
    script = (
        "import sys, types, baton, polars as pl\n"
        "from baton import cli\n"
        f"frame = pl.DataFrame({{'handoff_id': ['x' * 100] * {rows}}})\n"
        "baton.queries = sys.modules['baton.queries'] = types.SimpleNamespace(\n"
        "    Question=lambda **_: None, handoffs=lambda _: (sys.stdin.read(), frame)[1])\n"
        "sys.exit(cli.main(['handoffs', '--format', 'ndjson']))\n"
    )
    command = [sys.executable, "-c", script]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE, env=environment)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("rows", [1, 20_000])
def test_a_closed_pipe_is_quiet(rows: int, unbuffered: str) -> None:
    """`baton handoffs | head` ends well and says nothing, however little or much was left to print."""
    with printing(rows, subprocess.PIPE, unbuffered) as process:
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_told(unbuffered: str) -> None:
    """Output that cannot be written whole is an error in one line."""
    with Path("/dev/full").open("wb") as full, printing(1, full, unbuffered) as process:
        _, error = process.communicate()
    assert process.returncode == 3
    assert error.startswith(b"baton: [Errno 28]")
    assert error.count(b"\n") == 1


def loading(monkeypatch: pytest.MonkeyPatch, bad: list[tuple[Path, str]]) -> list[Any]:
    """Stand in for `baton.app.load`; returns what it is called with."""
    calls: list[Any] = []

    def load(paths: list[Path], store: Path, progress: object, owners: tuple[Path, ...]) -> object:
        calls.extend([paths, store, progress, owners])
        if progress:
            progress("[red]a\x1b.json", 1, 2)
        return SimpleNamespace(files=2, spans=1234, bad=bad)

    stub(monkeypatch, "app", load=load)
    return calls


@pytest.mark.usefixtures("asked")
def test_load(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Loading says how much it loaded, and shows no bar where there is no terminal."""
    calls = loading(monkeypatch, [])
    assert cli.main(["load", "a.json", "folder", "--store", "s"]) == 0
    assert calls == [[Path("a.json"), Path("folder")], Path("s"), None, ()]
    assert capsys.readouterr().out == "Loaded 2 files with 1,234 spans into s.\n"


@pytest.mark.usefixtures("asked")
def test_load_tells_bad_files(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Bad files are told on standard error and make the exit code 3; the rest is loaded."""
    loading(monkeypatch, [(Path("b\x1b.json"), "line 3: not JSON")])
    assert cli.main(["load", "folder"]) == 3
    captured = capsys.readouterr()
    assert captured.err == "baton: passed over b\\x1b.json: line 3: not JSON\n"
    assert captured.out.startswith("Loaded 2 files")


@pytest.mark.usefixtures("asked")
def test_load_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a bar says which file of how many; a file's name is text to it, not markup."""
    stderr = Terminal(terminal=True)
    monkeypatch.setattr("sys.stderr", stderr)
    monkeypatch.setenv("TERM", "xterm")
    loading(monkeypatch, [])
    assert cli.main(["load", "folder"]) == 0
    stderr.flush()
    assert rb"[red]a\x1b.json" in stderr.buffer.getvalue()


@pytest.mark.usefixtures("asked")
def test_compact(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Compacting says what came of how many files, and what was deleted."""
    done = SimpleNamespace(before=120, before_bytes=4_000_000, after=1, after_bytes=3_000_000, removed=7, deleted=121)
    stub(monkeypatch, "app", compact=lambda _store: done)
    assert cli.main(["compact", "--store", "s"]) == 0
    assert capsys.readouterr().out == (
        "Put 120 files of 4,000,000 bytes together as 1 file of 3,000,000 bytes in s.\n"
        "Deleted 7 spans past retention, and 121 old files.\n"
    )


@pytest.mark.usefixtures("asked")
def test_forget(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Key and value are told apart at the first =, and what was forgotten is counted."""
    calls: list[tuple[object, ...]] = []
    done = SimpleNamespace(spans=3, traces=1, quarantined=[])
    stub(monkeypatch, "app", forget=lambda *arguments: calls.append(arguments) or done)
    assert cli.main(["forget", "customer.id=a=b", "--store", "s"]) == 0
    assert cli.main(["forget", "x=1", "--tenant", "retail", "--owners", "none.yaml"]) == 3
    Path("none.yaml").touch()
    assert cli.main(["forget", "x=1", "--tenant", "retail", "--owners", "none.yaml"]) == 0
    assert calls == [
        (Path("s"), "customer.id", "a=b", None, ()),
        (Path("baton-store"), "x", "1", "retail", (Path("none.yaml"),)),
    ]
    assert capsys.readouterr().out == (
        "Forgot 3 spans of 1 trace in s.\nForgot 3 spans of 1 trace in baton-store for tenant retail.\n"
    )


@pytest.mark.usefixtures("asked")
def test_nothing_to_forget_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 1, and what could not be searched is named."""
    done = SimpleNamespace(spans=0, traces=0, quarantined=[Path("q.seg")])
    stub(monkeypatch, "app", forget=lambda *_: done)
    assert cli.main(["forget", "x=\x1b", "--store", "s"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "baton: not searched: q.seg, a damaged segment of the journal; delete it if it may hold them",
        r"baton: no span in s carries x=\x1b",
    ]


@pytest.mark.usefixtures("asked")
def test_serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Serving listens on loopback at OTLP's ports unless told otherwise, guarded as told; finds the ownership file."""
    calls: list[tuple[object, ...]] = []
    stub(monkeypatch, "app", serve=lambda *arguments: calls.append(arguments))
    (tmp_path / "ownership.yaml").touch()
    assert cli.main(["serve"]) == 0
    assert cli.main(["serve", "--store", "s", "--grpc", "0.0.0.0:0", "--http", "[::1]:1"]) == 0
    guarded = ["--tls-cert", "c", "--tls-key", "k", "--tls-client-ca", "a", "--tokens", "t", "--insecure"]
    assert cli.main(["serve", *guarded]) == 0
    guards = {"tls_cert": Path("c"), "tls_key": Path("k"), "tls_client_ca": Path("a"), "tokens": Path("t")}
    owners = (Path("ownership.yaml"),)
    assert calls == [
        (Path("baton-store"), owners, Options()),
        (Path("s"), owners, Options(grpc="0.0.0.0:0", http="[::1]:1")),
        (Path("baton-store"), owners, Options(**guards, insecure=True)),
    ]


@pytest.mark.parametrize("code", [0, 1])
def test_demo(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo's verdict on its own report is the exit code."""
    calls: list[Path | None] = []
    stub(monkeypatch, "app", demo=lambda store: calls.append(store) or code)
    assert cli.main(["demo"]) == cli.main(["demo", "--store", "kept"]) == code
    assert calls == [None, Path("kept")]
