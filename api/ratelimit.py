"""How often a client may ask, by bucket (the cell-rate algorithm: one number a client and bucket).

Counted in each web process on its own: it costs a microsecond and no network, and with n processes a client may ask
up to n times as often. It keeps one client from starving the others; it is no billing meter.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from typing import Final
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest

from api.errors import TOO_MANY_REQUESTS, Problem

WINDOW_SECONDS: Final = 60
#: Requests a client, bucket, minute and process; `settings.RATE_LIMITS` overrides, 0 is without limit. The busiest
#: school we plan for sends 100 answers a second, most of them in batches.
DEFAULTS: Final = {"ingest": 12_000, "recommend": 12_000, "reports": 600, "default": 1_200}

# (client, bucket) -> when, on the monotonic clock, all that was asked so far will have been paid off.
_paid_at: dict[tuple[UUID, str], float] = {}


@dataclass(frozen=True, slots=True)
class Headers:
    policy: str
    state: str


@cache
def limit_per_window(bucket: str) -> int:
    return int(getattr(settings, "RATE_LIMITS", {}).get(bucket, DEFAULTS[bucket]))


def take(request: HttpRequest, client_id: UUID, bucket: str) -> None:
    """Counts the request.

    Raises:
        Problem: 429, if the bucket is empty; a refused request costs nothing.
    """
    limit = limit_per_window(bucket)
    if not limit:
        return
    now = time.monotonic()
    paid_at = max(now, _paid_at.get((client_id, bucket), 0.0)) + WINDOW_SECONDS / limit
    debt_seconds = paid_at - now
    # Half up: after one request of 1,200 the quotient is 1198.999...
    remaining = int((WINDOW_SECONDS - debt_seconds) * limit / WINDOW_SECONDS + 0.5)
    if debt_seconds > WINDOW_SECONDS:
        _say(request, bucket, limit, 0, WINDOW_SECONDS)
        wait = int(debt_seconds - WINDOW_SECONDS) + 1
        detail = f"more than {limit} requests in {WINDOW_SECONDS} s to {bucket!r}: wait {wait} s, or send batches"
        raise Problem(TOO_MANY_REQUESTS, detail, headers={"Retry-After": str(wait)})
    # Two threads may both read the old number; then one request of thousands goes uncounted, and no lock is needed.
    _paid_at[client_id, bucket] = paid_at
    _say(request, bucket, limit, remaining, int(debt_seconds) + 1)


def reset() -> None:
    """Forgets what was counted and the limits in force."""
    _paid_at.clear()
    limit_per_window.cache_clear()


def _say(request: HttpRequest, bucket: str, limit: int, remaining: int, reset_seconds: int) -> None:
    request.rate_limit = Headers(  # type: ignore[attr-defined]
        policy=f'"{bucket}";q={limit};w={WINDOW_SECONDS}', state=f'"{bucket}";r={remaining};t={reset_seconds}'
    )
