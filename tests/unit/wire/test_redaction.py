from __future__ import annotations

import hashlib
import random
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from baton.errors import InputError, InvalidRequestError, RequestTooLargeError
from baton.limits import REQUEST_BYTES_MAX
from baton.settings import RedactionRules
from baton.wire.bank_numbers import CARD, IBAN, IBAN_LENGTHS, find
from baton.wire.redaction import Redactor, hashed, open_redactor, stands_as
from redact_reference import Reference, field, key_value
from request_maker import Maker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = bytes(range(32))
RULES = RedactionRules(
    keep=("enduser.role", "kept.*"), drop=("secret", "a.*.secret"), hash=("customer.*", "Party_Id", "*.iban-owner")
)


def test_the_kernel_redacts_as_the_laws_say() -> None:
    """Whatever a request holds and however it is written, it becomes what protobuf objects and hashlib make of it."""
    redactor, reference = Redactor(RULES, KEY), Reference(RULES, KEY)
    changed = 0
    for seed in range(1000):
        body = Maker(seed).request()
        redacted = redactor.redact(body)
        assert ExportTraceServiceRequest.FromString(redacted) == reference.redact(body), f"seed {seed}"
        changed += redacted is not body
    assert changed


def found(text: str) -> list[tuple[str, int]]:
    """The bank numbers of a text, and what each is."""
    raw, at, numbers = text.encode(), np.uint64(0), []
    while True:
        at, stop, kind = find(np.frombuffer(raw, dtype=np.uint8), at, np.uint64(len(raw)), IBAN_LENGTHS)
        if not kind:
            return numbers
        numbers.append((raw[int(at) : int(stop)].decode(), kind))
        at = np.uint64(stop)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("4111111111111111", [("4111111111111111", CARD)]),
        ("pan=4111-1111-1111-1111 exp 12/28", [("4111-1111-1111-1111", CARD)]),
        ("4111 1111 1111 1111 123", [("4111 1111 1111 1111", CARD)]),
        ("3782 822463 10005 and 5555555555554444", [("3782 822463 10005", CARD), ("5555555555554444", CARD)]),
        ("card4111111111111111", [("4111111111111111", CARD)]),
        ("/pay%2F4111111111111111%2Fnow", [("4111111111111111", CARD)]),
        ("6205500000000000004", [("6205500000000000004", CARD)]),
        ("GET /accounts/DE89370400440532013000/balance", [("DE89370400440532013000", IBAN)]),
        ("IBAN DE89 3704 0044 0532 0130 00 of mine", [("DE89 3704 0044 0532 0130 00", IBAN)]),
        ("where iban='gb29nwbk60161331926819'", [("gb29nwbk60161331926819", IBAN)]),
        ("?to=NO93%208601%201117%20947&a=1", [("NO93%208601%201117%20947", IBAN)]),
        ("%CEDE89370400440532013000", [("DE89370400440532013000", IBAN)]),
        ("4111111111111112", []),  # check digit
        ("1111111111111117", []),  # no issuer
        ("41111111111111110000", []),  # a longer run
        ("4000000000000000006", []),  # bare, a 64-bit id rather than a Visa of 19 digits
        ("deadbeef4111111111111111", []),
        ("0x4111111111111111", []),
        ("0.4111111111111111", []),
        ("2024-11-24 09:17:46.411111111", []),
        ("550e8400-e29b-41d4-a716-446655440000", []),
        ("DE89370400440532013001", []),  # check digits
        ("DE8937040044053201300", []),  # too short
        ("XDE89370400440532013000", []),
        ("DE893704004405320130001", []),
        ("DE89-37040044-0532013000", []),  # not in fours
    ],
)
def test_bank_numbers_are_told_from_what_looks_like_them(text: str, numbers: list[tuple[str, int]]) -> None:
    """Found within text as people and programs write them; ids, times and fractions are none."""
    assert found(text) == numbers


def attributes_of(*attributes: tuple[str, object], redactor: Redactor | None = None) -> dict[str, str]:
    """The string attributes that are left of a span's."""
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    for key, value in attributes:
        kind = {str: "string_value", int: "int_value", bool: "bool_value"}[type(value)]
        setattr(span.attributes.add(key=key).value, kind, value)
    redacted = (redactor or Redactor(RULES, KEY)).redact(request.SerializeToString())
    spans = ExportTraceServiceRequest.FromString(redacted).resource_spans[0].scope_spans[0].spans
    return {pair.key: pair.value.string_value for pair in spans[0].attributes}


def test_equal_values_are_equal_hashes_however_they_were_sent() -> None:
    """An int and its text, a card number with and without spaces, and one within a text: one keyed hash each."""
    kept = attributes_of(
        ("customer.id", 42), ("enduser.id", "42"), ("x", "4111 1111 1111 1111"), ("y", 4111111111111111)
    )
    by_hand = {
        text: "hash:" + hashlib.blake2b(text.encode(), key=KEY, digest_size=16).hexdigest()
        for text in ("42", "4111111111111111")
    }
    card = by_hand["4111111111111111"]
    assert kept == {"customer.id": by_hand["42"], "enduser.id": by_hand["42"], "x": card, "y": card}
    assert attributes_of(("z", "pay 4111-1111-1111-1111!")) == {"z": f"pay {card}!"}
    assert attributes_of(("enduser.id", "42"), redactor=Redactor(RULES, KEY[::-1])) != {"enduser.id": by_hand["42"]}


@pytest.mark.parametrize(
    "key",
    [
        *("http.request.header.authorization", "http.request.header.Proxy-Authorization", "HTTP.REQUEST.HEADER.COOKIE"),
        *("http.response.header.set_cookie", "http.request.header.proxy_authorization", "authorization", "Cookie"),
        *("rpc.grpc.request.metadata.authorization", "rpc.connect_rpc.response.metadata.set-cookie", "db.password"),
        *("http.request.header.x-api-key", "http.request.headers.authorization", "oauth.access_token", "idToken"),
    ],
)
def test_what_opens_a_door_is_dropped_by_default(key: str) -> None:
    """Authorization headers, cookies and secrets, in the spellings of all conventions; unless default is off."""
    assert attributes_of((key, "s3cret")) == {}
    assert attributes_of((key, "s3cret"), redactor=Redactor(RedactionRules(keep=("*",)), KEY)) == {key: "s3cret"}
    assert attributes_of((key, "s3cret"), redactor=Redactor(RedactionRules(default=False), KEY)) == {key: "s3cret"}


def test_rules_come_in_order_and_keep_wins() -> None:
    """Keep before drop before hash before the defaults; what merely resembles a header stays."""
    rules = RedactionRules(keep=("a.keep",), drop=("a.*",), hash=("*.x", "enduser.id", "cookie"))
    kept = attributes_of(
        *(("a.keep", "1"), ("a.x", "1"), ("b.x", "1"), ("cookie", "1"), ("payment.authorization", "approved")),
        ("gen_ai.usage.input_tokens", "12"),
        redactor=Redactor(rules, KEY),
    )
    assert set(kept) == {"a.keep", "b.x", "cookie", "payment.authorization", "gen_ai.usage.input_tokens"}
    assert {key for key, value in kept.items() if value.startswith("hash:")} == {"b.x", "cookie"}


def test_a_request_with_nothing_to_redact_is_not_copied(request_of: Callable[..., ExportTraceServiceRequest]) -> None:
    """The very bytes come back."""
    body = request_of(
        {"attributes": [("http.route", "/api/v1/trades/{id}"), ("n", 10**15), ("d", 0.5)]}
    ).SerializeToString()
    assert Redactor(RULES, KEY).redact(body) is body
    assert Redactor(RULES, KEY).redact(b"") == b""


def test_lookup_is_what_stands_in_the_store() -> None:
    """The hash where a rule or a pattern says so, the text with hashes in it, else the value itself."""
    redactor = Redactor(RULES, KEY)
    for key, value in (
        ("enduser.id", "alice"),
        ("x", "DE89 3704 0044 0532 0130 00"),
        ("x", "to 4111111111111111"),
        ("x", "v"),
    ):
        assert redactor.lookup(key, value) == attributes_of((key, value))[key]
    assert redactor.lookup("x", "v") == redactor.lookup("cookie", "v") == "v"


@pytest.mark.parametrize(
    ("rule", "other"),
    [
        ("messaging.message.id", "messaging.message_id"),
        ("messaging.message_id", "messaging.message.id"),
        ("messaging.*.conversation_id", "messaging.correlation_id"),
        ("host.name", "k8s.pod.name"),
    ],
)
def test_a_rule_holds_for_every_name_of_an_attribute(rule: str, other: str) -> None:
    """Half of the senders with a hash and half without would never meet; names of other attributes are left alone."""
    redactor = Redactor(RedactionRules(default=False, hash=(rule,)), KEY)
    assert redactor.lookup(other, "m-1") == redactor.lookup(rule.replace("*", "message"), "m-1") != "m-1"
    assert redactor.lookup("order.id", "m-1") == "m-1"


@pytest.mark.parametrize(
    "key", ["auth_token", "SessionToken", "aws.secret_access_key", "http.cookie", "HTTP_REQUEST_HEADER_AUTHORIZATION"]
)
def test_secrets_by_their_usual_names_are_dropped(key: str) -> None:
    """However they are spelt; a count of tokens, and a payment's authorization, are no secrets."""
    assert attributes_of((key, "s")) == {}
    kept = {"gen_ai.usage.tokens": "s", "payment.authorization": "s"}
    assert attributes_of(*kept.items()) == kept


def test_what_grows_beyond_a_request_is_refused() -> None:
    """Hashes are longer than short values: the journal never gets more than it takes."""
    pair = field(9, key_value(b"enduser.x", field(1, b"1")))
    spans = field(2, field(2, pair * (REQUEST_BYTES_MAX // 4 // len(pair))))
    assert len(Redactor(RULES, KEY).redact(field(1, spans))) > REQUEST_BYTES_MAX // 2
    with pytest.raises(RequestTooLargeError, match="smaller batches"):
        Redactor(RULES, KEY).redact(field(1, spans * 3))


def test_bytes_that_are_no_request_are_refused_or_passed_never_a_crash() -> None:
    """Cut and mutated bytes end in an answer: the check before is not what keeps the kernel within its bounds."""
    redactor, refused = Redactor(RULES, KEY), 0
    for seed in range(1500):
        chance = random.Random(seed)
        body = bytearray(Maker(seed % 50).request())
        for _ in range(chance.choice([1, 2, 8])):
            body[chance.randrange(len(body))] = chance.randrange(256)
        try:
            redactor.redact(bytes(body[: chance.randrange(len(body) + 1)]))
        except InvalidRequestError:
            refused += 1
    assert refused


def test_threads_share_a_redactor() -> None:
    """Each has its own scratch: what many make of many requests is what one makes of them."""
    bodies = [Maker(seed).request() for seed in range(200)]
    alone = [Redactor(RULES, KEY).redact(body) for body in bodies]
    shared, made = Redactor(RULES, KEY), {}

    def work(number: int) -> None:
        made[number] = [shared.redact(body) for body in bodies]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(made[number] == alone for number in range(4))


def test_a_store_makes_its_key_once_and_looks_up_with_it(tmp_path: Path) -> None:
    """Made at the first start, for nobody else to read; without one a clear value stands for itself."""
    rules = RedactionRules()
    assert stands_as(rules, tmp_path, "enduser.id", "alice") == "alice"
    stored = open_redactor(rules, tmp_path).lookup("enduser.id", "alice")
    assert stored.startswith("hash:")
    assert open_redactor(rules, tmp_path).lookup("enduser.id", "alice") == stored
    assert stands_as(rules, tmp_path, "enduser.id", "alice") == stored
    without = RedactionRules(default=False, keep=("enduser.*",))
    assert stands_as(without, tmp_path, "enduser.id", "alice") == "alice"
    assert hashed(without, tmp_path, "alice") == stored
    assert [(path.name, path.stat().st_mode & 0o777) for path in tmp_path.iterdir()] == [("redaction.key", 0o600)]


def test_a_named_key_is_never_made(tmp_path: Path) -> None:
    """A key file that baton.toml names and that is gone is an error that says what is lost without it."""
    with pytest.raises(InputError, match=r"named by baton\.toml, is no file: restore it .* splits history"):
        open_redactor(RedactionRules(key_file=tmp_path / "k"), tmp_path)
    assert list(tmp_path.iterdir()) == []
