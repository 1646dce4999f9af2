"""Standard Webhooks (standardwebhooks.com): secrets, and the headers by which a receiver knows who speaks and when."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from standardwebhooks import Webhook

#: The standard asks for 24 to 64.
SECRET_BYTES: Final = 32


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(keys: Sequence[str], message_id: str, body: str, now: datetime) -> dict[str, str]:
    """A signature by each key, newest first: a receiver that knows any of them is content. `now` in UTC."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(message_id, now, body) for key in keys),
    }
