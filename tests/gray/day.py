"""The day: who asks the bank for what, and what goes wrong. Minutes are counted from noon of 2 November 2026, UTC."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bank.messages import Message
from bank.telemetry import CLIENT, INTERNAL, PRODUCER, SECOND, SERVER, START, by_trace, threshold_state
from bank.world import Bank, Sender
from gray.platform import AMQP, LOG, PIKA_PLAIN, SPRING, Platform, build
from gray.processes import Exporters, worded

if TYPE_CHECKING:
    from collections.abc import Callable

    from bank.telemetry import Span, Value

NOON = 1_793_620_800 - START // SECOND
"""2026-11-02T12:00:00Z, the reorganisation, in seconds after the simulator's start."""

OPENS, CLOSES = NOON - 15 * 60, NOON + 10 * 60
LONG_AGO = NOON - 40 * 86_400
"""When check-imaging was last seen."""

SEED = 20_261_102

_TRADING = Sender("trade-execution", shape=SPRING)
_CONFIRMATION = Sender("confirmation-service", shape=SPRING)
_GATEWAY = Sender("payment-gateway", shape=AMQP)
_ENGINE = Sender("payment-engine", shape=SPRING)
_LEDGER = Sender("ledger", shape=SPRING)
_INTAKE = Sender("deposit-intake", shape=AMQP)
_VALIDATOR = Sender("check-validator", shape=PIKA_PLAIN)
_FRAUD = Sender("fraud-screening", shape=AMQP)
_STATEMENTS = Sender("statement-service", shape=AMQP)
_TICKS = Sender("market-data", shape=SPRING)
_PROMO = Sender("promo-campaigns", shape=PIKA_PLAIN)
_AUDITED = Sender("trade-execution", shape=LOG)


def minutes(after_noon: float) -> float:
    """Minutes after noon as the simulator's seconds."""
    return NOON + 60 * after_noon


UNREACHED = ((minutes(-8), minutes(-8) + 4), (minutes(2), minutes(2) + 5))
"""When confirmation-service does not reach the broker: once under trading, once under notifications."""

INSTRUCTIONS_UNREACHED = (minutes(-3), minutes(-3) + 3)
"""When payment-gateway does not, and sends again."""

FX_FAILS = (minutes(-5), minutes(-5) + 20)
FLOOD = (minutes(5), minutes(5) + 4)
STALL = minutes(-10)
STALL_S = 12.0
BREAKER = minutes(-2)
"""The statement run in which the ledger refuses, and statement-service's circuit breaker opens."""


@dataclass
class Day:
    """The bank on its day.

    Attributes:
        platform: its broker, once it is built.
        sms: what was sent to the SMS gateway, which is not instrumented.
        refused: sends of confirmation-service that failed, in time order; nobody sent them again.
        again: sends of payment-gateway that failed and were sent again.
        failed: calls that ended in an error: (client, server) -> moments.
        calls: all calls, likewise.
        journeys: of the day itself: service and span of the entry -> how many, declared or not.
        numbers: kind of id -> how many were given.
    """

    bank: Bank
    platform: Platform | None = None
    sms: list[Span] = field(default_factory=list)
    refused: list[Message] = field(default_factory=list)
    again: list[Message] = field(default_factory=list)
    failed: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    calls: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    journeys: Counter[str] = field(default_factory=Counter)
    numbers: Counter[str] = field(default_factory=Counter)

    # --- parts of a journey -------------------------------------------------------------------------------------

    def number(self, kind: str) -> str:
        """The next id of a kind: T-0001."""
        self.numbers[kind] += 1
        return f"{kind}-{self.numbers[kind]:04d}"

    def enter(self, service: str, route: str, took: float, **attributes: Value) -> Span:
        """The root of a journey: a request from outside."""
        now = self.bank.clock.now
        self.journeys[f"{service} {route}"] += now >= OPENS
        return self.bank.telemetry.span(
            (service, "1"), route, SERVER, now, now + took, **_http(service, route), **attributes
        )

    def begin(self, service: str, name: str, took: float) -> Span:
        """The root of a journey that a timer starts."""
        now = self.bank.clock.now
        self.journeys[f"{service} {name}"] += now >= OPENS
        return self.bank.telemetry.span((service, "1"), name, INTERNAL, now, now + took)

    def call(self, parent: Span, server: str, route: str, at: float, took: float, *, fails: bool = False) -> Span:
        """A call: the client's span and the server's; says the server's."""
        client = parent.process
        self.calls.setdefault((client[0], server), []).append(at)
        error = None
        code: dict[str, Value] = {"http.response.status_code": 200}
        if fails:
            error, code = "503 Service Unavailable", {"http.response.status_code": 503, "error.type": "503"}
            self.failed.setdefault((client[0], server), []).append(at)
        peer: dict[str, Value] = {"server.address": server, "server.port": 8080}
        outer = self.bank.telemetry.span(
            client,
            route.split(" ", 1)[0],
            CLIENT,
            at,
            at + took + 0.002,
            parent=parent,
            error=error,
            **worded(client[0], {"http.request.method": route.split(" ", 1)[0], **peer, **code}),
        )
        return self.bank.telemetry.span(
            (server, "1"),
            route,
            SERVER,
            at + 0.001,
            at + 0.001 + took,
            parent=outer,
            error=error,
            **_http(server, route, code),
        )

    def send(self, sender: Sender, exchange: str, parent: Span | None, after: float = 0.0, key: str = "") -> None:
        """A publish, some time from now."""
        assert self.platform is not None
        to = self.platform.exchanges[exchange]
        self.bank.clock.after(after, lambda: self.bank.send(sender, to, key=key, parent=parent))

    # --- journeys -----------------------------------------------------------------------------------------------

    def trade(self) -> None:
        """A customer's trade: executed, posted, audited, confirmed. Critical."""
        assert self.platform is not None
        audit = self.platform.audit
        trade = self.number("T")
        root = self.enter(
            "wealth-gateway",
            "POST /trades",
            0.035,
            **{
                "trade.id": trade,
                "customer.id": f"C-{self.bank.rng.randrange(80):03d}",
                "customer.segment": self.bank.rng.choice(["retail", "retail", "private"]),
                "trade.amount": f"{self.bank.rng.randrange(100, 90_000)}.00",
                "trade.currency": "EUR",
            },
        )
        executed = self.call(root, "trade-execution", "POST /orders", self.bank.clock.now + 0.002, 0.03)
        self.send(_TRADING, "ledger.postings", executed, 0.02)
        self.send(_TRADING, "trade.events", executed, 0.024, "trade.executed")
        self.bank.clock.after(0.027, lambda: self.bank.send(_AUDITED, audit, parent=executed))

    def confirmed(self, _message: Message, span: Span) -> None:
        """confirmation-service: writes the confirmation and sends it on, unless it does not reach the broker."""
        assert self.platform is not None
        events = self.platform.exchanges["wealth.events"]
        if any(begin <= self.bank.clock.now < end for begin, end in UNREACHED):
            self.refused.append(self.bank.refuse(_CONFIRMATION, events, key="trade.completed", parent=span))
        else:
            self.bank.send(_CONFIRMATION, events, key="trade.completed", parent=span)

    def notified(self, message: Message, span: Span) -> None:
        """notification: has a confirmation sent by SMS, over the telephone company's own bus."""
        if message.sender != "confirmation-service":
            return
        now = self.bank.clock.now
        self.sms.append(
            self.bank.telemetry.span(
                span.process,
                "send sms.outbound",
                PRODUCER,
                now,
                now + 0.004,
                parent=span,
                **{
                    "messaging.system": "servicebus",
                    "messaging.operation.type": "send",
                    "messaging.operation.name": "send",
                    "messaging.destination.name": "sms.outbound",
                    "messaging.message.id": f"sms-{message.id}",
                    "server.address": "bus.telco.example",
                },
            )
        )

    def portfolio(self) -> None:
        """A customer looks at the portfolio: no journey type says whose journey this is."""
        root = self.enter("wealth-gateway", "GET /portfolio", 0.02)
        self.call(root, "ledger", "GET /accounts/{id}", self.bank.clock.now + 0.002, 0.01)

    def payment(self) -> None:
        """A payment: screened, priced, handed to the engine, posted. High."""
        now = self.bank.clock.now
        payment = self.number("P")
        root = self.enter("payment-gateway", "POST /payments", 0.09, **{"payment.id": payment})
        screened = self.call(root, "fraud-screening", "POST /screenings", now + 0.002, 0.03)
        self.call(screened, "ledger", "GET /accounts/{id}", now + 0.006, 0.01)
        if self.numbers["P"] % 4 == 0:
            self.send(_FRAUD, "fraud.alerts", screened, 0.03)
        if FX_FAILS[0] <= now < FX_FAILS[1] or self.numbers["P"] % 3 == 0:
            self.call(root, "fx-hub", "GET /rates", now + 0.04, 0.01, fails=FX_FAILS[0] <= now < FX_FAILS[1])
        elif self.numbers["P"] % 3 == 1:
            self.call(root, "fx-hub-eu", "GET /rates", now + 0.04, 0.01)
        self.bank.clock.after(0.07, lambda: self.instruct(root))

    def instruct(self, root: Span) -> None:
        """payment-gateway: hands the payment to the engine; what does not reach the broker it sends again."""
        assert self.platform is not None
        instructions = self.platform.exchanges["payment.instructions"]
        if not INSTRUCTIONS_UNREACHED[0] <= self.bank.clock.now < INSTRUCTIONS_UNREACHED[1]:
            self.bank.send(_GATEWAY, instructions, parent=root)
            return
        failed = self.bank.refuse(_GATEWAY, instructions, parent=root)
        self.again.append(failed)
        for fate in failed.fates:
            fate.what = "retried"
        self.bank.clock.after(
            4.0,
            lambda: self.bank.send(
                _GATEWAY, instructions, parent=root, message_id=failed.id, correlation=failed.correlation
            ),
        )

    def instructed(self, _message: Message, span: Span) -> None:
        """payment-engine: posts the payment."""
        self.send(_ENGINE, "ledger.postings", span)

    def deposit(self, *, imaged: bool = False) -> None:
        """A check: to the external party for validation. Critical."""
        deposit = self.number("D")
        root = self.enter("deposit-intake", "POST /deposits/checks", 0.03, **{"deposit.id": deposit})
        if imaged:
            self.call(root, "check-imaging", "POST /images", self.bank.clock.now + 0.002, 0.015)
        self.send(_INTAKE, "check.validation.requests", root, 0.025)

    def validated(self, _message: Message, span: Span) -> None:
        """check-validator: answers."""
        self.send(_VALIDATOR, "check.validation.results", span)

    def accepted(self, _message: Message, span: Span) -> None:
        """deposit-intake: posts the deposit."""
        self.send(_INTAKE, "ledger.postings", span)

    def settlement(self) -> None:
        """The ledger settles: fifteen events at once, an export to the old batch."""
        root = self.begin("ledger", "settlement run", 0.06)
        for number in range(15):
            self.send(_LEDGER, "settlement.events", root, 0.002 * number)
        self.call(root, "legacy-batch", "POST /exports", self.bank.clock.now + 0.035, 0.02)

    def settled(self, message: Message, span: Span) -> None:
        """payment-engine: sends some back; nobody bound a queue to those that it refuses."""
        place = int(message.id.rsplit("-", 1)[1]) % 15
        if place in {3, 9}:
            self.send(_ENGINE, "payment.returns", span, key="return.accepted" if place == 3 else "return.refused")

    def statements(self, *, breaker: bool = False) -> None:
        """A statement run: balances from the ledger, one after the other, and a message each."""
        now = self.bank.clock.now
        root = self.begin("statement-service", "statement run", 3.0)
        for number in range(5 if breaker else 6):
            self.call(root, "ledger", "GET /accounts/{id}", now + 0.4 * number + 0.002, 0.01, fails=breaker)
            if not breaker:
                self.send(_STATEMENTS, "statements.ready", root, 0.4 * number + 0.02)

    def mainframe(self) -> None:
        """The mainframe puts a posting into its queue: of that there is no span."""
        assert self.platform is not None
        name = self.number("M")
        self.platform.queues["mainframe.postings"].offer(
            Message(name, "mainframe", "mainframe", "", self.bank.clock.now, 0, None)
        )

    def campaign(self) -> None:
        """Fifteen advertisements at once."""
        root = self.begin("promo-campaigns", "send campaign", 0.04)
        for number in range(15):
            self.send(_PROMO, "campaign.events", root, 0.002 * number)

    def tick(self) -> None:
        """A price, to whoever listens on wealth.events."""
        self.send(_TICKS, "wealth.events", None, key="market.tick")


def _http(service: str, route: str, more: dict[str, Value] | None = None) -> dict[str, Value]:
    method, path = route.split(" ", 1)
    said: dict[str, Value] = {"http.request.method": method, "http.route": path, "url.path": path, **(more or {})}
    return worded(service, said)


def run(seed: int = SEED) -> Day:
    """The whole day, its spans shipped."""
    bank = Bank(seed)
    bank.telemetry = Exporters(bank.rng, flush_s=5.0)
    day = Day(bank)
    _audit_samples(bank)
    day.platform = build(
        bank,
        {
            "trade-confirmations-q": day.confirmed,
            "notify-q": day.notified,
            "payment-instructions-q": day.instructed,
            "check-requests-q": day.validated,
            "check-results-q": day.accepted,
            "settlement-q": day.settled,
        },
        LONG_AGO - 60,
        OPENS - 60,
    )
    for number in range(6):
        bank.clock.at(LONG_AGO + 30 * number, lambda: day.deposit(imaged=True))
    _traffic(day)
    _trouble(day)
    bank.clock.run(CLOSES + 60)
    bank.telemetry.ship()
    return day


def _audit_samples(bank: Bank) -> None:
    """audit-trail keeps a quarter of the traces, and says so."""
    bank.telemetry.keep.append(by_trace(0.25, ["audit-trail"]))
    bank.telemetry.state["audit-trail"] = threshold_state(0.25)


def _traffic(day: Day) -> None:
    every = day.bank.every
    every(0.06, OPENS, CLOSES, day.trade)
    every(0.02, OPENS, CLOSES, day.portfolio)
    every(0.07, OPENS, CLOSES, day.payment)
    every(0.05, OPENS, CLOSES, day.deposit)
    every(0.08, OPENS, CLOSES, day.tick)
    every(0.04, OPENS, CLOSES, day.mainframe)
    _at(day, range(-14, 10, 2), day.settlement)
    _at(day, range(-14, 10), day.statements, but=-2)
    _at(day, (-12, -6, 6), day.campaign, second=20)


def _trouble(day: Day) -> None:
    bank = day.bank
    assert day.platform is not None
    for begin, end in UNREACHED:
        bank.every(2.5, begin, end - 0.2, day.trade)
    bank.every(1.5, *INSTRUCTIONS_UNREACHED, day.payment)
    bank.every(1.0, *FX_FAILS, day.payment)
    for validator in day.platform.validators:
        bank.clock.at(STALL, lambda one=validator: one.pause(STALL_S))
    bank.every(0.7, STALL + 0.5, STALL + 9, day.deposit)
    bank.every(2.0, FLOOD[0] - 6, FLOOD[1] + 6, day.trade)
    bank.every(10.0, *FLOOD, day.trade)
    bank.every(80.0, *FLOOD, day.tick)
    bank.clock.at(BREAKER, lambda: day.statements(breaker=True))


def _at(day: Day, when: range | tuple[int, ...], act: Callable[[], None], *, but: int = 99, second: float = 0) -> None:
    for minute in when:
        if minute != but:
            day.bank.clock.at(minutes(minute) + second, act)
