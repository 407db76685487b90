from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from baton.agreements import load_contracts
from baton.errors import InputError
from recording import SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from baton.contracts.contract import Agreed

# A sender over Kafka, with everything that such documents bear: traits, parameters, bindings, security, schemas.
LIGHTS = """
asyncapi: 3.0.0
info:
  title: Lamp Control
  version: 1.2.0
  description: Switches lamps.
  contact: {name: Lamp team, email: lamps@city.example}
defaultContentType: application/json
servers:
  test:
    host: kafka.city.example:9092
    protocol: kafka-secure
    security: [{$ref: '#/components/securitySchemes/sasl'}]
    bindings: {kafka: {schemaRegistryUrl: 'https://registry.city.example'}}
channels:
  measured:
    address: 'city.lamps.{lampId}.measured'
    parameters: {lampId: {$ref: '#/components/parameters/lampId'}}
    messages: {measured: {$ref: '#/components/messages/measured'}}
  switched:
    address: city.lamps.switched
    x-baton: {clauses: {deadline: 5s, loss: 1%}, receivers: [night-watch]}
    bindings: {kafka: {topic: lamps-switched, partitions: 3}}
operations:
  receiveMeasured:
    action: receive
    channel: {$ref: '#/channels/measured'}
    traits: [{$ref: '#/components/operationTraits/kafka'}]
  sendSwitched:
    action: send
    channel: {$ref: '#/channels/switched'}
    summary: A lamp was switched.
    traits: [{$ref: '#/components/operationTraits/kafka'}]
    x-baton: {owner: lighting, clauses: {deadline: 2s}}
components:
  parameters: {lampId: {description: The lamp.}}
  messages:
    measured:
      correlationId: {description: Trace it., location: '$message.header#/correlationId'}
      payload: {$ref: 'https://schemas.city.example/measured.avsc'}
  operationTraits: {kafka: {bindings: {kafka: {clientId: {type: string}}}, x-baton: {clauses: {idempotent: true}}}}
  securitySchemes: {sasl: {type: scramSha256}}
x-baton: {environment: prod}
"""

# The other side of it, over AMQP in its second channel, with a request and its reply.
WATCH = """
asyncapi: 3.0.0
info: {title: Night Watch API, version: '1', x-baton: {service: night-watch}}
channels:
  lamps:
    address: lamps-switched
  orders:
    address: trade.completed
    bindings: {amqp: {is: routingKey, exchange: {name: wealth.events, type: topic}}}
  jobs:
    address: jobs
    bindings: {amqp: {is: queue, queue: {name: job-q}}}
  ask: {address: city.ask}
  answers: {address: city.answers}
  private: {address: null}
operations:
  onLamps: {action: receive, channel: {$ref: '#/channels/lamps'}, x-baton: {environment: prod, clauses: {loss: 0}}}
  onTrades: {action: receive, channel: {$ref: '#/channels/orders'}, x-baton: {sender: trade-execution}}
  takeJobs: {action: receive, channel: {$ref: '#/channels/jobs'}}
  ask:
    action: send
    channel: {$ref: '#/channels/ask'}
    reply: {channel: {$ref: '#/channels/answers'}}
    x-baton: {receivers: [oracle], clauses: {deadline: 1s}}
  whisper: {action: send, channel: {$ref: '#/channels/private'}}
  elsewhere: {action: send, channel: {$ref: './common.yaml#/channels/x'}}
"""


def loaded(folder: Path, *texts: str) -> Agreed:
    """The documents, each a file."""
    paths = [folder / f"{number}.yaml" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return load_contracts(paths)


def test_one_document(tmp_path: Path) -> None:
    """What it sends makes it the sender, what it receives the receiver; the nearer x-baton wins; contact escalates."""
    agreed = loaded(tmp_path, LIGHTS)
    received, sends = agreed.imported
    assert (received.sender, received.channel, received.receivers) == ("*", "city.lamps.*.measured", ("lamp-control",))
    assert (sends.sender, sends.channel, sends.receivers) == ("lamp-control", "lamps-switched", ("night-watch",))
    assert (sends.environment, sends.owner, sends.escalation) == ("prod", "lighting", ("lamps@city.example",))
    assert sends.clauses.deadline_ns == 2 * SECOND
    assert (str(sends.clauses.loss), sends.clauses.said) == ("0.01", ("deadline_ns", "loss", "idempotent"))


def test_what_is_not_used_is_listed(tmp_path: Path) -> None:
    """Every part that says nothing to Baton is named, and nothing that it used."""
    notes = "\n".join(loaded(tmp_path, LIGHTS).notes)
    for part in ("servers.*.host", "servers.*.bindings", "components.messages.*.payload", "components.securitySchemes",
                 "channels.*.parameters", "channels.*.bindings.kafka.partitions",
                 "operations.*.summary", "info.description", "defaultContentType"):  # fmt: skip
        assert part in notes, part
    for used in (
        "x-baton",
        "operations.*.channel",
        "channels.*.address",
        "info.title",
        "info.contact",
        "correlationId",
    ):
        assert used not in notes, used
    assert "https://schemas.city.example/measured.avsc" in notes
    assert "not fetched" in notes


SPOKEN = """
asyncapi: 3.0.0
info: {title: Clock, version: '1'}
channels:
  ticks:
    address: ticks
    messages: MESSAGES
operations:
  tick: {action: send, channel: {$ref: '#/channels/ticks'}OPERATION}
components:
  messages:
    told: {correlationId: {$ref: '#/components/correlationIds/id'}}
    bare: {payload: {type: object}}
    by_trait: {traits: [{correlationId: {location: '$message.header#/id'}}]}
  correlationIds: {id: {location: '$message.header#/id'}}
"""
TOLD, BARE, BY_TRAIT = (f"{name}: {{$ref: '#/components/messages/{name}'}}" for name in ("told", "bare", "by_trait"))


@pytest.mark.parametrize(
    ("messages", "operation", "promised"),
    [
        (f"{{{TOLD}}}", "", True),
        (f"{{{TOLD}, {BY_TRAIT}}}", "", True),
        (f"{{{TOLD}, {BARE}}}", "", False),
        (f"{{{TOLD}, {BARE}}}", ", messages: [{$ref: '#/channels/ticks/messages/told'}]", True),
        ("{}", "", False),
        ("{far: {$ref: './common.yaml#/messages/far'}}", "", False),
    ],
)
def test_messages_with_a_correlation_id(tmp_path: Path, messages: str, operation: str, promised: bool) -> None:  # noqa: FBT001 - a parameter
    """Where each message of an operation says where its correlation id stands, the contract promises one."""
    (ticks,) = loaded(tmp_path, SPOKEN.replace("MESSAGES", messages).replace("OPERATION", operation)).imported
    assert ("correlation_id" in ticks.clauses.said) == promised


def test_documents_of_both_sides_make_one_contract(tmp_path: Path) -> None:
    """Over the same address they merge, in whatever order they are read; where they differ the sender's word stands."""
    forth, back = loaded(tmp_path, LIGHTS, WATCH), loaded(tmp_path, WATCH, LIGHTS)
    assert forth.imported == back.imported
    by_name = {one.name: one for one in forth.imported}
    lamps = by_name["lamp-control/lamps-switched/prod"]
    assert (lamps.receivers, str(lamps.clauses.loss)) == (("night-watch",), "0.01")
    assert any("its loss for lamp-control/lamps-switched/prod is another" in note for note in forth.notes)


def test_exchanges_queues_replies(tmp_path: Path) -> None:
    """AMQP's addresses are keys of an exchange or queues; a request's reply goes the other way; the rest is told."""
    agreed = loaded(tmp_path, WATCH)
    by_name = {one.name: one for one in agreed.imported}
    trades = by_name["trade-execution/wealth.events/trade.completed"]
    assert (trades.channel, trades.key, trades.receivers) == ("wealth.events", "trade.completed", ("night-watch",))
    assert by_name["*/job-q"].receivers == ("night-watch",)
    asked, answered = by_name["night-watch/city.ask"], by_name["*/city.answers"]
    assert (asked.receivers, asked.clauses.deadline_ns) == (("oracle",), SECOND)
    assert (answered.receivers, answered.clauses.said) == (("night-watch",), ())
    notes = "\n".join(agreed.notes)
    assert "channels.private has no address, it is told at run time: not used by whisper" in notes
    assert "operations.elsewhere refers to './common.yaml#/channels/x'" in notes


def test_a_signed_contract_stands_for_an_imported_one(tmp_path: Path) -> None:
    """Of two of one name contracts.yaml's is used, and that is told."""
    agreed = loaded(tmp_path, WATCH, "contracts: [{name: night-watch/city.ask, sender: a, channel: b}]")
    assert [one.sender for one in agreed.all if one.name == "night-watch/city.ask"] == ["a"]
    assert any("stands for AsyncAPI's" in note for note in agreed.notes)


HEAD = "asyncapi: 3.0.0\ninfo: {title: A}\n"
SEND = "operations: {o: {action: send, channel: {$ref: '#/channels/c'}}}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("asyncapi: 2.6.0\ninfo: {title: A}\n", "convert it to 3.0.0"),
        ("asyncapi: [3]\n", "no version that Baton reads"),
        ("asyncapi: 3.0.0\ninfo: {version: '1'}\n", "names no application"),
        (HEAD + SEND, "leads nowhere"),
        (HEAD + "channels: {c: {$ref: '#/channels/d'}, d: {$ref: '#/channels/c'}}\n" + SEND, "in a circle"),
        (HEAD + "channels: {c: text}\n" + SEND, "is not a mapping"),
        (
            HEAD + "channels: {c: {address: a}}\noperations: {o: {action: publish, channel: {}}}",
            "write send or receive",
        ),
        (HEAD + "channels: {c: {address: a}}\noperations: {o: {action: send, channel: {address: a}}}", "no reference"),
        (HEAD + "channels: {c: {address: a, x-baton: {owners: [b]}}}\n" + SEND, "line 3: owners: "),
        (HEAD + "channels: {c: {address: '" + "{p}" * 40 + "'}}\n" + SEND, "more than 16 parameters"),
        (HEAD + "channels: {c: {address: " + "a" * 300 + "}}\n" + SEND, "is longer than 255 characters; shorten it"),
        (HEAD + 'channels: {c: {address: "a\\e[2J"}}\n' + SEND, "has control characters"),
        (HEAD + "operations: {o: {action: [send]}}", "['send'] is no action; write send or receive"),
        (HEAD + f"operations: {{o: {{$ref: '#/{'9' * 5000}'}}}}", "leads nowhere"),
        (
            HEAD
            + "channels: {z: {address: a}"
            + "".join(f", c{n}: {{$ref: '#/channels/c{n + 1}'}}" for n in range(99))
            + "}\noperations: {o: {action: send, channel: {$ref: '#/channels/c0'}}}",
            "is the last of 64 references that lead to references",
        ),
        (
            HEAD
            + "channels: {"
            + ", ".join(f"c{n}: {{address: a, x-baton: {{sender: s{n}}}}}" for n in range(400))
            + "}\noperations: {"
            + ", ".join(f"o{n}: {{action: receive, channel: {{$ref: '#/channels/c{n}'}}}}" for n in range(400))
            + "}",
            "'a' has 400 senders in 400 operations; let one document say",
        ),
        (HEAD + "channels: &c {c: {address: a}}\noperations: *c", "is an alias"),
    ],
)
def test_faults(tmp_path: Path, text: str, told: str) -> None:
    """What does not fit is refused with the place and the next step; nothing is fetched or followed for ever."""
    with pytest.raises(InputError, match=r"0\.yaml") as refused:
        loaded(tmp_path, text)
    assert told in str(refused.value)


def test_notes_are_bounded(tmp_path: Path) -> None:
    """However many keys are not used, and whatever they hold, the note on them is one readable line."""
    agreed = loaded(tmp_path, HEAD + '"k\\e[2J": x\n' + "".join(f"k{number}: x\n" for number in range(5000)))
    assert all(note.isprintable() and len(note) < 2000 for note in agreed.notes)
    assert "4901 more" in agreed.notes[0]


def test_an_address_means_its_characters(tmp_path: Path) -> None:
    """Wildcards in an address are no globs; a JSON pointer's escapes are read."""
    text = HEAD + "channels: {'a/b': {address: 'x[1]*{p}'}}\noperations: {o: {action: send, channel: "
    (contract,) = loaded(tmp_path, text + "{$ref: '#/channels/a~1b'}}}").imported
    assert contract.channel == "x[[]1][*]*"
