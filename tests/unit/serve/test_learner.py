from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from baton.errors import UnavailableError
from baton.schema import EXPECTATIONS
from baton.serve import learner
from baton.serve.learner import learn

# A module that the child finds before Baton's own.
QUERIES = """
import io, os, time
from baton.schema import EXPECTATIONS

def learn(store, owners):
    {body}
    out = io.BytesIO()
    EXPECTATIONS.empty().clear(n=2 if not owners else 3).write_ipc(out)
    return out.getvalue()
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the analysis, `queries.py` in the folder, that the child process imports instead."""
    hook = "import sys, importlib.util as u\ns = u.spec_from_file_location('baton.queries', {0!r})\n"
    hook += "m = u.module_from_spec(s)\nsys.modules['baton.queries'] = m\ns.loader.exec_module(m)\n"
    (tmp_path / "sitecustomize.py").write_text(hook.format(str(tmp_path / "queries.py")))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "queries.py"


def test_what_the_child_learned_comes_back(child: Path, tmp_path: Path) -> None:
    """The frame arrives whole, and the child is told store and owners."""
    child.write_text(QUERIES.format(body="assert store.name == 'store'"))
    learned = asyncio.run(learn(tmp_path / "store", ()))
    assert (learned.schema, len(learned)) == (EXPECTATIONS.schema, 2)
    assert len(asyncio.run(learn(tmp_path / "store", (tmp_path / "ownership.yaml",)))) == 3


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise ValueError('no\\x1b[2J good')", r"exit code 1: .ValueError: no\\x1b\[2J good"),
        ("os.kill(os.getpid(), 9)", "exit code -9"),
    ],
)
def test_a_child_that_fails_or_dies_is_an_error_in_one_line(child: Path, tmp_path: Path, body: str, told: str) -> None:
    """Its last words are quoted, whatever they hold."""
    child.write_text(QUERIES.format(body=body))
    with pytest.raises(UnavailableError, match=told) as caught:
        asyncio.run(learn(tmp_path, ()))
    assert "\n" not in str(caught.value)


def test_a_child_that_does_not_end_is_killed(child: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up after its time, and no process is left."""
    child.write_text(
        QUERIES.format(body=f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    )
    monkeypatch.setattr(learner, "LEARN_S_MAX", 3.0)
    with pytest.raises(UnavailableError, match="took longer than 3 s"):
        asyncio.run(learn(tmp_path, ()))
    pid = (tmp_path / "pid").read_text()
    assert not (Path("/proc") / pid).exists()
