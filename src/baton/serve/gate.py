"""What both doors ask before they read a request, and where every answer passes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from baton.errors import UnavailableError
from baton.schema import DEFAULT_TENANT
from baton.serve.admission import TooSlowError
from baton.wire.outcome import Encoding, Failure, failure

if TYPE_CHECKING:
    from baton.serve.admission import Admission
    from baton.serve.health import Health
    from baton.serve.intake import Intake
    from baton.serve.outages import Refusals
    from baton.serve.tokens import Tokens
    from baton.wire.decode import Checked


class Gate:
    """Lets exporters in, once it is open; keeps account of whom it turned away for want of room."""

    def __init__(self, tokens: Tokens | None, admission: Admission, health: Health, refusals: Refusals) -> None:
        """What it goes by.

        Args:
            tokens: who may send; None lets everybody in as the default tenant.
            admission: where requests are read.
            health: told of what was taken and refused.
            refusals: told of every refusal that may be sent again: Baton's own are gaps in what it can judge.
        """
        self.admission = admission
        self.refusals = refusals
        self._tokens = tokens
        self._health = health
        self._intake: Intake | None = None

    def renew(self, tokens: Tokens | None) -> None:
        """These tokens hold from here on."""
        self._tokens = tokens

    def open(self, intake: Intake) -> None:
        """From here on requests are taken."""
        self._intake = intake
        self._health.open()

    def stop(self) -> None:
        """From here on requests are refused, to be sent again."""
        self._intake = None
        self._health.stop()

    def enter(self, authorization: str | None) -> str:
        """The tenant that sends.

        Args:
            authorization: the header's value, `Bearer TOKEN`.

        Raises:
            UnavailableError: the gate is closed.
            UnauthenticatedError: no token, or an unknown one.
            ForbiddenError: the token is not for ingest.
        """
        tenant = DEFAULT_TENANT if self._tokens is None else self._tokens.tenant(authorization, "ingest")
        if self._intake is None:
            raise self._closed()
        return tenant

    async def export(self, body: bytes, encoding: Encoding, tenant: str, *, gzipped: bool) -> Checked:
        """As `Intake.export`.

        Raises:
            UnavailableError: the gate was closed while the request was read.
        """
        if self._intake is None:
            raise self._closed()
        checked = await self._intake.export(body, encoding, tenant, gzipped=gzipped)
        self._health.took()
        return checked

    def failed(self, error: Exception) -> Failure:
        """The answer to a request that was not taken."""
        outcome = failure(error)
        if outcome.retryable:
            self.refused(outcome.message, fit=isinstance(error, TooSlowError))
        return outcome

    def refused(self, why: str, *, fit: bool = False) -> None:
        """A request, or a connection, was turned away that may come again: the one place where that is noted.

        Args:
            why: for the record.
            fit: whether the endpoint would take others.
        """
        if not fit:
            self._health.refused()
        self.refusals.note(why, time.time_ns())

    def _closed(self) -> UnavailableError:
        return UnavailableError(f"the endpoint takes no spans now ({self._health.unready}): try again")
