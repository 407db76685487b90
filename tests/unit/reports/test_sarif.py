from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.reports import lint
from baton.reports.sarif import SCHEMA, as_sarif, uri
from baton.schema import LINT

RULES = [("shared-bound", "error", "Flows share a limit. A burst of one crowds out the others.")]


def log(*rows: dict[str, object], file: str | None = None) -> dict[str, Any]:
    """The parsed log of rows of LINT."""
    whole = {"rule": "shared-bound", "severity": "error", "message": "it is full", "change": "part them", "figures": {}}
    place = {"tenant": "default", "broker": "", "owner": "unowned"}
    frame = pl.DataFrame([{**whole, **place, **row} for row in rows], schema=LINT.schema)
    parsed: dict[str, Any] = json.loads(as_sarif(frame, RULES, file))
    return parsed


def test_a_log_has_what_the_schema_requires() -> None:
    """Version, schema, one run with a named driver, its rules by id, and results that refer to them (SARIF 2.1.0)."""
    told = log({"queue": "q"})
    assert (told["version"], told["$schema"]) == ("2.1.0", SCHEMA)
    (run,) = told["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "baton"
    assert driver["version"]
    (rule,) = driver["rules"]
    assert rule["id"] == "shared-bound"
    assert rule["shortDescription"]["text"] == "Flows share a limit."
    assert rule["defaultConfiguration"]["level"] == "error"
    (result,) = run["results"]
    assert (result["ruleId"], driver["rules"][result["ruleIndex"]]["id"]) == ("shared-bound", "shared-bound")
    assert result["level"] == "error"
    assert result["message"]["text"] == "it is full. Change: part them."


def test_a_log_without_findings_has_an_empty_list_of_results() -> None:
    """Consumers tell a run that found nothing from one that did not look by the list being there."""
    assert log()["runs"][0]["results"] == []


def test_a_result_lies_at_its_queue_and_in_its_file() -> None:
    """The queue's qualified name is percent-encoded part by part; the file stands only where one was checked."""
    place = {"queue": "a/b c", "vhost": "/", "environment": "prod", "broker": "rabbit:5672"}
    (location,) = log(place, file="broker/definitions.json")["runs"][0]["results"][0]["locations"]
    (logical,) = location["logicalLocations"]
    assert logical["name"] == "a/b c"
    assert logical["fullyQualifiedName"] == "default/prod/rabbit%3A5672/%2F/a%2Fb%20c"
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "broker/definitions.json"
    assert "physicalLocation" not in log(place)["runs"][0]["results"][0]["locations"][0]


def test_fingerprints_follow_the_place_not_the_figures() -> None:
    """The same danger on another day is the same to whoever compares runs; that of another queue is not."""
    one, again, other = (
        run["partialFingerprints"]["place/v1"]
        for run in log({"queue": "q"}, {"queue": "q", "message": "fuller"}, {"queue": "r"})["runs"][0]["results"]
    )
    assert one == again != other


def test_no_figure_that_is_null_is_told() -> None:
    """Properties hold the figures that the rule read."""
    (result,) = log({"figures": {"messages_max": 40}})["runs"][0]["results"]
    assert result["properties"]["figures"] == {"messages_max": 40}


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("broker/my file.json", "broker/my%20file.json"),
        ("/srv/bank/broker/a.json", "broker/a.json"),
        ("/elsewhere/a b.json", "file:///elsewhere/a%20b.json"),
    ],
)
def test_a_file_is_relative_where_it_can_be(path: str, told: str) -> None:
    """Pipelines match results to files by paths relative to where they run."""
    assert uri(Path(path), Path("/srv/bank")) == told


@given(st.text(min_size=1), st.text())
def test_hostile_names_stay_text(queue: str, owner: str) -> None:
    """Whatever a queue is called, JSON and SARIF parse to it, and nothing shows a control character."""
    row = {
        "rule": "shared-bound",
        "severity": "note",
        "queue": queue,
        "owner": owner,
        "message": queue,
        "change": owner,
    }
    frame = pl.DataFrame([{**row, "figures": {}, "tenant": queue, "broker": queue}], schema=LINT.schema)
    texts = (as_sarif(frame, RULES), lint.as_json(frame))
    assert json.loads(texts[0])["runs"][0]["results"][0]["properties"]["queue"] == queue
    assert json.loads(texts[1])[0]["queue"] == queue
    shown = (lint.as_table(frame, width=80, color=False), lint.as_markdown(frame), *texts)
    assert not {character for text in shown for character in text if character < " " and character != "\n"}
    assert not {"\x7f", "\x9b", "\u202e", "\u2028"} & set("".join(shown))
