"""Who is signed in: a random cookie for a key, kept in memory, for some hours.

The cookie is no key, and a key is in no cookie: what a browser keeps ends with the service. Forms carry a
token of their session, so that no other page can send them; without keys, one of the process.
"""

import secrets
import threading
import time
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

from aisle.service.keys import LOCAL, Key

COOKIE = "aisle_review"
HOURS = 12.0
MOST = 1000
"""Sessions at a time; the oldest end."""


@dataclass(frozen=True)
class Session:
    """Somebody who is signed in.

    Attributes
    ----------
    key
        Theirs.
    token
        Which their forms carry.
    until
        When it ends, in seconds of the monotonic clock.
    """

    key: Key
    token: str
    until: float


class Sessions:
    """Everybody who is signed in."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()
        self.local = Session(LOCAL, secrets.token_urlsafe(32), float("inf"))

    def begin(self, key: Key) -> str:
        """Sign somebody in; return the cookie."""
        cookie, until = secrets.token_urlsafe(32), time.monotonic() + HOURS * 3600
        with self._lock:
            now = time.monotonic()
            alive = {name: each for name, each in self._sessions.items() if each.until > now}
            while len(alive) >= MOST:
                del alive[min(alive, key=lambda name: alive[name].until)]
            self._sessions = alive | {_digest(cookie): Session(key, secrets.token_urlsafe(32), until)}
        return cookie

    def find(self, cookie: str | None) -> Session | None:
        """Return whose cookie it is, None if it is nobody's or has ended."""
        found = self._sessions.get(_digest(cookie or ""))
        return found if found and found.until > time.monotonic() else None

    def end(self, cookie: str | None) -> None:
        """Sign somebody out."""
        with self._lock:
            self._sessions.pop(_digest(cookie or ""), None)


def _digest(cookie: str) -> str:
    return sha256(cookie.encode("utf-8", "replace")).hexdigest()


def carries(session: Session, token: str) -> bool:
    """Return whether a form is of a session; in the same time whatever it carries."""
    return compare_digest(session.token.encode(), token.encode("utf-8", "replace"))
