from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.errors import InputError
from baton.ownership.backstage import imported
from baton.ownership.spanned import pattern_of
from baton.ownership.strict_yaml import parse_all

if TYPE_CHECKING:
    from baton.ownership.catalog import Catalog
    from baton.ownership.teams import Owns, Team

# Every kind and field of the descriptor format that Baton reads, and some that it does not.
BANK = """
apiVersion: backstage.io/v1alpha1
kind: Domain
metadata: {name: markets, description: All that trades}
spec: {owner: group:platform, subdomainOf: bank}
---
apiVersion: backstage.io/v1alpha1
kind: System
metadata: {name: trade-flow}
spec: {owner: trading, domain: markets}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: trade-execution
  description: Executes trades
  annotations:
    baton/service-name: trade-execution, trade-worker-*
    pagerduty.com/integration-key: not-to-be-told
  tags: [java]
spec:
  type: service
  lifecycle: production
  owner: group:default/Trading
  system: trade-flow
  providesApis: [trade-events]
  dependsOn: ['resource:default/notify-q', trades-db]
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: statement-writer}
spec: {type: service, lifecycle: production, owner: user:jdoe, consumesApis: [trade-events], subcomponentOf: statements}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: nobody-knows}
spec: {type: service, system: trade-flow}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: alone}
spec: {type: service}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: money-math}
spec: {type: library, owner: trading}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: notify-q}
spec: {type: message-queue, owner: risk/watch, dependencyOf: ['component:nobody-knows']}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: deals, annotations: {baton/channel: 'deals/all, deals/*'}}
spec: {type: database, owner: trading}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: wealth.events}
spec: {type: rabbitmq-exchange, owner: trading}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: trades-db}
spec: {type: database, owner: trading}
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: trade-events}
spec:
  type: asyncapi
  lifecycle: production
  owner: trading
  system: trade-flow
  definition: |
    asyncapi: 3.0.0
    channels:
      all: {address: 'trades.{region}'}
      later: {address: null}
      unknown: {}
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: orders}
spec: {type: openapi, lifecycle: production, owner: trading, definition: {$text: ./orders.yaml}}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata:
  name: trading
  annotations: {baton/escalation: '#trading-oncall'}
  links:
    - {url: 'https://pager.example/trading', title: On-call, icon: alert}
    - {url: 'https://chat.example/trading', title: Chat}
spec:
  type: team
  profile: {displayName: Trading, email: trading@bank.example}
  parent: front-office
  children: []
  members: [jdoe, asmith]
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: front-office, title: Front office}
spec: {type: business-unit, children: [trading]}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: jdoe}
spec: {profile: {displayName: Jenny Doe, email: jdoe@bank.example}, memberOf: [trading]}
---
apiVersion: backstage.io/v1alpha1
kind: Location
metadata: {name: all}
spec: {targets: [./more.yaml]}
---
apiVersion: v1
kind: ConfigMap
"""


def read(text: str) -> Catalog:
    """The catalog of a Backstage file."""
    return imported(parse_all(text, Path("catalog-info.yaml")))


def entity(kind: str, name: str, spec: str = "", metadata: str = "") -> str:
    """A document of one entity."""
    head = f"apiVersion: backstage.io/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}, {metadata}}}\n"
    return f"{head}spec: {{{spec}}}\n---\n"


def claimed(owns: Owns) -> dict[str, list[str]]:
    """What is claimed, by section."""
    claims: dict[str, list[str]] = {}
    for section, _, claim in owns.claims():
        claims.setdefault(section, []).append(claim.what)
    return claims


@pytest.fixture(scope="module")
def bank() -> Catalog:
    """The catalog of the bank."""
    return read(BANK)


def test_what_is_said_of_ownership_is_kept(bank: Catalog) -> None:
    """Components are services, messaging resources and asyncapi channels are channels and queues, of their owners."""
    owned = {name: claimed(owner.owns) for name, owner in bank.owners.items()}
    assert owned == {
        "front-office": {},
        "risk/watch": {"channels": ["notify-q"], "queues": ["notify-q"]},
        "trading": {
            "services": ["nobody-knows", "trade-execution", "trade-worker-*"],
            "channels": ["deals/*", "deals/all", "trades.*", "wealth.events"],
        },
        "user:jdoe": {"services": ["statement-writer"]},
    }
    claims = [claim for owner in bank.teams for _, _, claim in owner.owns.claims()]
    assert {(claim.source, claim.origin) for claim in claims} == {("catalog-info.yaml", "backstage")}


def test_what_is_said_of_operations_is_kept(bank: Catalog) -> None:
    """Whom to wake, where it is written who is on call, mail, chat, the group above and the members."""
    trading: Team = bank.owners["trading"]
    assert (trading.title, trading.escalation, trading.contact) == (
        "Trading",
        "#trading-oncall",
        "trading@bank.example",
    )
    assert trading.on_call == "https://pager.example/trading"
    assert trading.contacts == {
        "Chat": "https://chat.example/trading",
        "parent group": "front-office",
        "members": "asmith, jdoe",
    }
    assert (bank.owners["user:jdoe"].title, bank.owners["user:jdoe"].contact) == ("Jenny Doe", "jdoe@bank.example")
    assert bank.owners["front-office"].title == "Front office"


def test_dependencies_are_kept(bank: Catalog) -> None:
    """In the names that spans bear, a consumer's on the provider of the API, where one is known."""
    assert {(one.component, one.relation, one.on) for one in bank.dependencies} == {
        ("nobody-knows", "dependsOn", "notify-q"),
        ("statement-writer", "consumesApi", "trade-execution"),
        ("statement-writer", "consumesApi", "trade-worker-*"),
        ("statement-writer", "subcomponentOf", "component:statements"),
        *((name, "dependsOn", "notify-q") for name in ("trade-execution", "trade-worker-*")),
        *((name, "dependsOn", "resource:trades-db") for name in ("trade-execution", "trade-worker-*")),
        *((name, "providesApi", "trades.*") for name in ("trade-execution", "trade-worker-*")),
    }


def test_what_is_not_used_is_listed(bank: Catalog) -> None:
    """Each thing that Baton has no use for, with where it is; and no value of it, which may be a secret."""
    assert bank.notes == (
        "not used: 'apiVersion v1': catalog-info.yaml, line 118",
        "not used: 'kind Location': catalog-info.yaml, line 113",
        "not used: asyncapi channels without an address: 'later' of api:trade-events, 'unknown' of api:trade-events",
        "not used: components of type library, which run nowhere: component:money-math",
        "not used: metadata.annotations['pagerduty.com/integration-key']: component:trade-execution",
        "not used: metadata.description: component:trade-execution, domain:markets",
        "not used: metadata.tags: component:trade-execution",
        "not used: owners of APIs of type 'openapi', for calls are their service's: api:orders",
        "not used: resources of type 'database', no queue or topic: resource:trades-db",
        "not used: spec.lifecycle: api:orders, api:trade-events, component:statement-writer and 1 more",
        "not used: spec.memberOf: user:jdoe",
        "not used: spec.type: group:front-office, group:trading",
        "not used: without an owner, and so is all of which they are a part: component:alone",
        "owners that no file describes, so nothing is known of them: risk/watch",
        "without an owner, so that of system:trade-flow owns it: component:nobody-knows",
    )
    assert "not-to-be-told" not in repr(bank)


@settings(max_examples=10, deadline=None)
@given(st.permutations(BANK.split("---\n")))
def test_the_order_of_documents_changes_nothing(documents: list[str]) -> None:
    """The same entities in any order are the same catalog, but for the lines that notes name."""
    shuffled, written = read("---\n".join(documents)), read(BANK)
    assert shuffled.model_copy(update={"notes": ()}) == written.model_copy(update={"notes": ()})
    assert [note for note in shuffled.notes if ", line " not in note] == [
        note for note in written.notes if ", line " not in note
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            entity("System", "a", "domain: d")
            + entity("Domain", "d", "subdomainOf: e")
            + entity("Domain", "e", "subdomainOf: d"),
         "line 8: metadata.name: 'domain:d' is a part of itself: domain:d -> domain:e -> domain:d; take one",
        ),
        (entity("System", "a", "system: b") + entity("System", "b", "system: A"), "system:a -> system:b -> system:a"),
        (entity("Group", "a", "children: [a]"), "group:a -> group:a"),
        (entity("Group", "a", "parent: b") + entity("Group", "b", "parent: a"), "group:a -> group:b -> group:a"),
        (entity("Component", "a", "owner: x") + entity("Component", "A", "owner: y"),
         "line 8: metadata.name: 'component:a' is described otherwise at catalog-info.yaml, line 1; keep one"),
        (entity("Component", "a", "owner: a:b:c"), "line 4: spec.owner: 'a:b:c' is no reference to an entity; write ["),
        (entity("Component", "a", "owner: component:b"), "spec.owner: 'component:b' is of kind component, and an own"),
        (entity("Component", "a", "owner: unowned"), "spec.owner: 'unowned' is what Baton calls a thing without an"),
        (entity("Group", "unowned"), "metadata.name: 'unowned' is what Baton calls a thing without an owner"),
        (entity("Group", "'a | b'"), "metadata.name: 'a | b' holds ' | ', which joins several possible teams"),
        ("".join(entity("Group", f"g{at}", f"parent: g{(at + 1) % 500}") for at in range(500)),
         "group:g3 -> group:g4 -> 495 more -> group:g0; take one of these steps out"),
        (entity("Component", "a", "", f"annotations: {{baton/service-name: '{','.join(map(str, range(600)))}'}}")
         + entity("Component", "b", "dependsOn: [component:a]",
                  f"annotations: {{baton/service-name: '{','.join(map(str, range(600)))}'}}"),
         "is one of more than 200000 dependencies; name fewer services in baton/service-name"),
        (entity("Component", "a", "owner: [x]"), "spec.owner: ['x'] is not text"),
        (entity("Component", "a", "owner: "), "line 4: spec.owner: '' is empty"),
        (entity("Component", "a", "dependsOn: x"), "spec.dependsOn: 'x' is not a list"),
        (entity("Component", "a", "dependsOn: [':']"), "spec.dependsOn[0]: ':' is no reference"),
        (entity("Component", "a", "", "annotations: {baton/service-name: 'b,'}"), "'b,' is no name, nor several with"),
        (entity("Group", "a", "", "annotations: {baton/escalation: ''}"), "'' is no name; write whom to wake"),
        ("apiVersion: backstage.io/v1alpha1\nkind: Component\nspec: {}", "metadata is required"),
        ("apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {}", "line 3: metadata.name is required"),
    ],
)  # fmt: skip
def test_faults_name_file_line_place_and_step(text: str, told: str) -> None:
    """What cannot be read as it is meant is refused, on one printable line."""
    with pytest.raises(InputError) as caught:
        read(text)
    assert str(caught.value).startswith("catalog-info.yaml: ")
    assert told in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("kind", "definition", "expected"),
    [
        ("asyncapi", "asyncapi: 2.6.0\nchannels: {'trades/{id}': {}}", ["trades/*"]),
        ("asyncapi", '{"asyncapi": "3.0.0", "channels": {"a": {"address": "b"}}}', ["b"]),
        ("AsyncAPI", "asyncapi: 3.0.0\nchannels: {a: {address: b}}", ["b"]),
        ("asyncapi", "asyncapi: [", []),
        ("asyncapi", "asyncapi: 3.0.0", []),
        ("asyncapi", "a: &x [1]\nb: *x", []),
        ("grpc", "service Trades {}", []),
    ],
)
def test_channels_of_definitions(kind: str, definition: str, expected: list[str]) -> None:
    """Of AsyncAPI 2 the keys, of 3 the addresses; what does not parse is listed, and refuses nothing."""
    text = yaml.safe_dump({
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "API",
        "metadata": {"name": "api"},
        "spec": {"type": kind, "owner": "trading", "definition": definition},
    })  # fmt: skip
    catalog = read(text)
    assert [claim.name for team in catalog.teams for claim in team.owns.channels] == expected
    assert bool(catalog.notes) != bool(expected and catalog.teams[0].name != "trading")


@pytest.mark.parametrize(
    ("address", "pattern"),
    [("a.{b}.c", "a.*.c"), ("{a}{b}", "**"), ("a*", "a[*]"), ("a[1]?", "a[[]1][?]"), ("trade.#", "trade.#")],
)
def test_addresses_are_patterns(address: str, pattern: str) -> None:
    """A parameter is any text; what a glob would take for a wildcard stands for itself."""
    assert pattern_of(address) == pattern


@pytest.mark.parametrize(
    ("kind", "sections"),
    [
        ("queue", {"channels", "queues"}),
        ("kafka-topic", {"channels", "queues"}),
        ("SQS_queue", {"channels", "queues"}),
        ("sqs", {"channels", "queues"}),
        ("PubSubTopic", {"channels", "queues"}),
        ("amqp exchange", {"channels"}),
        ("s3-bucket", set()),
        ("upstream", set()),
        ("kubernetes-cluster", set()),
    ],
)
def test_resources_that_carry_messages(kind: str, sections: set[str]) -> None:
    """By the words of their type; a resource of any other type is listed."""
    catalog = read(entity("Resource", "r", f"type: {kind}, owner: t"))
    assert {section for team in catalog.teams for section, _, _ in team.owns.claims()} == sections


def test_many_remarks_are_counted() -> None:
    """A file with any number of keys of its own is told in a screen of notes."""
    notes = read(entity("Component", "a", "owner: x", ", ".join(f"k{number}: v" for number in range(300)))).notes
    assert len(notes) == 101
    assert notes[-1].startswith("and ")
