"""The README shows what Baton really prints: its blocks are regenerated, its snippets run.

`pytest tests/test_docs.py --golden-update` writes the blocks anew. The demo's block is real output of another run: it
is compared with figures, ids and times masked (tests/acceptance/test_demo.py), everything else to the letter.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from baton.findings.causes import documentation
from baton.schema import FINDINGS, HANDOFFS, Frame
from baton.serve.tokens import load_tokens
from baton.settings import load_settings

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
RECORDING = "fixtures/lost-confirmations"
GRAY = "fixtures/gray-areas"
BLOCK = re.compile(r"<!-- begin (?P<name>[a-z-]+) -->\n(?P<body>.*?)<!-- end (?P=name) -->", re.DOTALL)


def blocks() -> dict[str, str]:
    """Name -> content of the README's marked blocks."""
    return {found["name"]: found["body"] for found in BLOCK.finditer(README.read_text())}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like a clone, as far as the examples go."""
    here = tmp_path_factory.mktemp("readme")
    (here / "fixtures").symlink_to(ROOT / "fixtures")
    return here


def shell(folder: Path, *commands: str, code: int = 0) -> str:
    """Commands and what they print, as a terminal shows it; each ends with this exit code, and says no error."""
    environment = {**os.environ, "COLUMNS": "110", "NO_COLOR": "1"}
    environment.pop("BATON_STORE", None)
    shown = []
    for command in commands:
        arguments = [sys.executable, "-m", "baton", *command.split()[1:]]
        done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (code, ""), command
        shown.append(f"$ {command}\n{done.stdout}")
    return "```console\n" + "\n".join(shown) + "```\n"


@pytest.fixture(scope="module")
def generated(folder: Path) -> dict[str, str]:
    """Name -> what the block must be."""
    expected = json.loads((ROOT / RECORDING / "expected.json").read_text())
    as_of = f"--as-of {expected['as_of']}"
    found = {
        "load": shell(
            folder,
            f"baton load {RECORDING}/traces.jsonl.gz --store bank --owners {RECORDING}/ownership.yaml",
        )
    }
    owners = f"--store bank --owners {RECORDING}/ownership.yaml"
    rows = shell(folder, f"baton drops {owners} {as_of} --team trading --format ndjson").splitlines()
    first = json.loads(rows[2])
    found |= {
        "commands": _commands(),
        "boundaries": shell(folder, f"baton boundaries {owners}"),
        "findings": shell(folder, f"baton findings {owners} {as_of}"),
        "finding": shell(folder, f"baton finding {first['finding_id'][:12]} {owners} {as_of}"),
        "recover": _cut(shell(folder, f"baton recover {first['finding_id'][:12]} {owners} {as_of} --format markdown")),
        "journey": shell(folder, f"baton journey {first['correlation_id']} {owners}"),
        "who": shell(folder, f"baton who wealth.events {owners} {as_of}"),
        "whatif": shell(folder, f"baton whatif {owners} {as_of}"),
        "drops": "```json\n" + json.dumps(first, indent=1) + "\n```\n",
        "ownership": "```yaml\n" + (ROOT / RECORDING / "ownership.yaml").read_text() + "```\n",
        **_gray(folder),
        "causes": documentation(),
        "row": _row(HANDOFFS),
        "finding-row": _row(FINDINGS),
        "make-test": _make_test(),
    }
    return found


def _gray(folder: Path) -> dict[str, str]:
    """What is asked of the bank whose ownership has gaps, in its folder."""
    here = folder / "gray-areas"
    here.mkdir()
    for file in (ROOT / GRAY).iterdir():
        (here / file.name).symlink_to(file)
    asked = "--as-of 2026-11-02T12:15:00Z"
    loaded = shell(here, "baton load traces.jsonl.gz", "baton broker load broker.json --at 2026-11-02T12:10:00Z")
    drawn = shell(here, f"baton map --journey-type check-deposit --format mermaid {asked}").splitlines()
    return {
        "gray": loaded.replace("$ baton load", f"$ cd {GRAY}\n$ baton load"),
        "coverage": _until(shell(here, f"baton coverage {asked}"), "Journeys without an owner"),
        "trust": _until(shell(here, f"baton trust {asked}"), "yes "),
        "map": "\n".join([*drawn[:2], "```", "", "```mermaid", *drawn[2:]]) + "\n",
        "contracts": _until(shell(here, f"baton contracts check {asked}", code=1), "breached  settlements"),
        "lint": _until(shell(here, f"baton lint {asked}", code=1), "warning"),
    }


def _until(shown: str, start: str) -> str:
    """What is shown before the first line that starts so."""
    kept, _, _ = shown.partition(f"\n{start}")
    assert kept != shown, start
    return f"{kept.rstrip()}\n...\n```\n"


def _commands() -> str:
    from baton.cli import cli  # noqa: PLC0415 - beside the subprocesses that are the rest of this module

    lines = ["| command | what it does |", "| --- | --- |"]
    for name, command in sorted(cli.commands.items()):
        arguments = " ".join(one.make_metavar(None) for one in command.params if one.param_type_name == "argument")  # type: ignore[arg-type]
        lines.append(f"| `{f'baton {name} {arguments}'.strip()}` | {command.get_short_help_str(200)} |")
    return "\n".join(lines) + "\n"


def _row(frame: Frame) -> str:
    lines = ["| field | meaning |", "| --- | --- |"]
    lines += [f"| `{column.name}` | {column.meaning} |" for column in frame.columns]
    return "\n".join(lines) + "\n"


def _cut(shown: str) -> str:
    """A command, and the first three rows of the Markdown table that it prints, as a table."""
    fence, command, *table = shown.splitlines()[:7]
    return "\n".join([fence, command, "```", "", *table]) + "\n"


def _make_test() -> str:
    steps = re.findall(
        r'@echo "(baton: [^"]*)"', (ROOT / "Makefile").read_text().split("\nlint:")[1].split("\nlock:")[0]
    )
    return "```console\n$ make test\n" + "\n".join(steps) + "\n```\n"


NAMES = ["load", "commands", "boundaries", "findings", "finding", "recover", "journey", "who", "whatif", "drops"]
NAMES += ["ownership", "causes", "row", "finding-row", "make-test"]
NAMES += ["gray", "coverage", "trust", "map", "contracts", "lint"]


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_shows_what_baton_prints(
    name: str, generated: dict[str, str], request: pytest.FixtureRequest
) -> None:
    """Each generated block is what the command, the schema or the table says today."""
    if request.config.getoption("--golden-update"):
        text = README.read_text()
        marked = f"<!-- begin {name} -->\n{generated[name]}<!-- end {name} -->"
        README.write_text(BLOCK.sub(lambda found: marked if found["name"] == name else found[0], text))
    assert blocks()[name] == generated[name], "differs: if it should, run with --golden-update"


def test_every_block_is_held_by_a_test() -> None:
    """No block of the README is left to itself."""
    assert set(blocks()) == {*NAMES, "demo", "exporter", "collector", "tokens", "redaction", "promises"}


def test_every_promise_names_a_test_that_is_there() -> None:
    """A promise without its test, or with one that was renamed away, is none."""
    rows = [line.strip("| \n").split(" | ") for line in blocks()["promises"].splitlines()[2:]]
    assert len(rows) > 20
    for promise, held_by in rows:
        path, _, name = held_by.strip("`").partition("::")
        assert f"\ndef {name}(" in (ROOT / path).read_text(), promise


def test_the_token_file_is_taken(tmp_path: Path) -> None:
    """The file of tokens, as it stands, lets in the second token as its tenant."""
    path = tmp_path / "tokens.yaml"
    path.write_text(blocks()["tokens"].removeprefix("```yaml\n").removesuffix("```\n"))
    path.chmod(0o600)
    tokens = load_tokens(path, {})
    assert tokens is not None
    token = re.search(r"token: (\S+)", path.read_text())
    assert token
    assert tokens.tenant(f"Bearer {token[1]}", "ingest") == "wealth"


def test_the_settings_are_taken(tmp_path: Path) -> None:
    """The settings, as they stand, are baton.toml's."""
    path = tmp_path / "baton.toml"
    path.write_text(blocks()["redaction"].removeprefix("```toml\n").removesuffix("```\n"))
    settings = load_settings(tmp_path)
    assert (settings.retention_days, settings.redaction.hash) == (90, ("customer.*",))


def test_the_exporter_snippet_exports(tmp_path: Path) -> None:
    """The Python snippet, run as it stands but for the port, brings its span into the store."""
    command = [sys.executable, "-m", "baton", "serve", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    with subprocess.Popen([*command, "--store", tmp_path / "store"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            lines = []
            for line in server.stdout:
                lines.append(line)
                if "ready" in line:
                    break
            address = re.search(r"gRPC.*?(127\.0\.0\.1:\d+)", "".join(lines))
            assert address, lines
            snippet = blocks()["exporter"].removeprefix("```python\n").removesuffix("```\n")
            assert "127.0.0.1:4317" in snippet
            subprocess.run(
                [sys.executable, "-c", snippet.replace("127.0.0.1:4317", address[1])], check=True, cwd=tmp_path
            )
        finally:
            server.terminate()
            server.wait()
    from baton.store.reader import Store  # noqa: PLC0415 - deltalake only where this test needs it

    spans = Store(tmp_path / "store").spans().collect()
    assert spans.select("service", "name").rows() == [("trade-execution", "execute trade")]


def test_the_collector_configuration_fans_out() -> None:
    """It is YAML, every component that a pipeline names is configured, and Baton's pipeline samples nothing."""
    config = yaml.safe_load(blocks()["collector"].removeprefix("```yaml\n").removesuffix("```\n"))
    pipelines = config["service"]["pipelines"]
    for pipeline in pipelines.values():
        for part in ("receivers", "processors", "exporters"):
            assert set(pipeline[part]) <= set(config[part])
    (to_baton,) = (pipeline for pipeline in pipelines.values() if "otlp/baton" in pipeline["exporters"])
    assert to_baton["processors"] == ["batch"]
    assert len(pipelines) == 2
