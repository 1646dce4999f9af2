"""Who speaks, by Standard Webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tutor.lms.webhooks import signing

#: The vector of the standard's reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
BODY = '{"test": 2432232314}'
SIGNED_AT = datetime.fromtimestamp(1614265330, UTC)
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_published_vector() -> None:
    assert signing.headers([SECRET], ID, BODY, SIGNED_AT) == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_a_signature_is_the_hmac_of_id_time_and_body() -> None:
    secret, now = signing.new_secret(), datetime.now(UTC)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{ID}.{int(now.timestamp())}.{BODY}".encode()
    mac = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert signing.headers([secret], ID, BODY, now)["webhook-signature"] == f"v1,{mac}"


def test_secrets_are_as_long_as_the_standard_asks() -> None:
    secret = signing.new_secret()
    assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) <= 64
    assert secret != signing.new_secret()


def test_two_secrets_are_two_signatures_of_which_either_will_do() -> None:
    new, old, other = (signing.new_secret() for _ in range(3))
    headers = signing.headers([new, old], ID, BODY, datetime.now(UTC))
    assert Webhook(new).verify(BODY, headers) == Webhook(old).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(BODY, headers)
