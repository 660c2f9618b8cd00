"""Who may ask, how often, and how much at a time; read before anything of a request is believed."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.requests import ClientDisconnect, Request

from aisle.service import keys
from aisle.service.keys import Key
from aisle.service.metrics import Metrics
from aisle.service.problems import RefusalError, busy
from aisle.service.settings import LOOPBACK, MEGABYTE, Limits

SLOWEST = 1.0
"""Seconds after which a client whose body does not fit beside the others' may try again."""


class Admission:
    """What a request must be to be read.

    Parameters
    ----------
    known
        Keys; none leaves the service open, to this machine.
    limits
        How much.
    metrics
        What is counted.
    """

    def __init__(self, known: tuple[Key, ...], limits: Limits, metrics: Metrics) -> None:
        self._keys = known
        self.limits = limits
        self._held = 0
        metrics.in_flight.set_function(lambda: self._held)
        self._strategy = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._rate = RateLimitItemPerMinute(limits.rate) if limits.rate else None

    def key(self, request: Request) -> Key:
        """Return whose key a request has.

        Raises
        ------
        RefusalError
            401 if it has none that is known; 403, of a service without keys, if a page of another site sent
            it through somebody's browser.
        """
        if not self._keys:
            self._same_site(request)
            found: Key | None = keys.LOCAL
        else:
            scheme, _, value = request.headers.get("authorization", "").partition(" ")
            given = value.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
            found = keys.find(self._keys, given)
        if found is None:
            told = "a request must have a known API key, as `Authorization: Bearer KEY` or `X-API-Key: KEY`"
            raise RefusalError(401, told, {"WWW-Authenticate": "Bearer"})
        request.state.facts = {"key": found.name}
        return found

    def admin(self, request: Request) -> Key:
        """Return whose key a request has that changes the model.

        Raises
        ------
        RefusalError
            As of `key`; 403 if the key may not.
        """
        key = self.key(request)
        if not key.admin:
            raise RefusalError(403, f"the key {key.name} must be an admin's to change the model; it is none")
        return key

    @staticmethod
    def _same_site(request: Request) -> None:
        """See that a request was meant for this service: neither its page nor its name is another's."""
        origin = request.headers.get("origin")
        try:
            host = urlsplit(f"//{request.headers.get('host', '')}")
            other = origin is not None and urlsplit(origin).netloc != host.netloc
            foreign = host.hostname not in LOOPBACK
        except ValueError:
            other = foreign = True
        if other or foreign:
            raise RefusalError(
                403, "a service without API keys answers this machine alone, and no page of another site"
            )

    def count(self, key: Key, n: int) -> None:
        """Take `n` products from what a key may ask for in a minute.

        Raises
        ------
        RefusalError
            429 if that is more than is left.
        """
        if self._rate is None or self._strategy.hit(self._rate, key.name, cost=n):
            return
        if n > self._rate.amount:
            raise RefusalError(
                413, f"a request must have at most {self._rate.amount} products, a minute's; it has {n}"
            )
        window = self._strategy.get_window_stats(self._rate, key.name)
        told = (
            f"the key {key.name} may have {self._rate.amount} products a minute answered; send it again later"
        )
        raise busy(told, window.reset_time - time.time())

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """Give a request's body, held until it is answered.

        Raises
        ------
        RefusalError
            413 if it is too large, 429 if it does not fit beside those that are being answered, 408 if it
            does not come in time, 415 if it is packed.
        """
        parts: list[bytes] = []
        held = 0

        def take(chunk: bytes) -> None:
            nonlocal held
            held += self._hold(len(chunk))
            parts.append(chunk)

        try:
            await self._read(request, self.limits.body, take)
            yield b"".join(parts)
        finally:
            self._held -= held

    @asynccontextmanager
    async def file(self, request: Request, suffix: str) -> AsyncIterator[Path]:
        """Give a request's body as a file that is gone afterwards; raises as `body` does."""
        held, into = 0, Path(tempfile.mkstemp(prefix="aisle-table-", suffix=suffix)[1])
        try:
            target: IO[bytes]
            with into.open("wb") as target:

                def take(chunk: bytes) -> None:
                    nonlocal held
                    held += self._hold(len(chunk))
                    target.write(chunk)

                await self._read(request, self.limits.file, take)
            yield into
        finally:
            self._held -= held
            into.unlink(missing_ok=True)

    async def _read(self, request: Request, most: int, take: Callable[[bytes], object]) -> None:
        """Give a body to `take`, a chunk at a time."""
        if request.headers.get("content-encoding", "identity") != "identity":
            raise RefusalError(415, "the body must be sent as it is, without a Content-Encoding")
        too_large = RefusalError(413, f"the body must have at most {most / MEGABYTE:g} MiB; it has more")
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > most:
            raise too_large
        total = 0
        try:
            async with asyncio.timeout(self.limits.seconds):
                async for chunk in request.stream():
                    total += len(chunk)
                    if total > most:
                        raise too_large
                    take(chunk)
        except TimeoutError:
            told = f"the body must come within {self.limits.seconds:g} seconds; it did not"
            raise RefusalError(408, told, {"Connection": "close"}) from None
        except ClientDisconnect:
            raise RefusalError(400, "the body must be whole; the connection ended before") from None

    def _hold(self, n: int) -> int:
        if self._held + n > self.limits.in_flight:
            raise busy(
                "the requests that are being answered take all memory there is; send it again later", SLOWEST
            )
        self._held += n
        return n
