"""Where webhooks may go."""

from __future__ import annotations

from typing import Any

import pytest

from tutor.lms.webhooks.addresses import Refused, judge, parse, resolve


@pytest.fixture(autouse=True)
def nothing_is_allowed(settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = []


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/hooks", "https://127.0.0.1/hooks", "http://[::1]/hooks", "http://169.254.169.254/latest/meta-data",
     "https://10.1.2.3", "https://192.168.0.1", "https://172.16.0.1", "https://100.64.0.1", "https://0.0.0.0",
     "https://[::ffff:127.0.0.1]/", "https://[fe80::1]/", "https://[fd00::1]/", "https://[64:ff9b::7f00:1]/",
     "https://[2002:7f00:1::]/", "https://224.0.0.1", "https://2130706433/", "https://0x7f.1/", "https://127.1/"],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(url: str) -> None:
    with pytest.raises(Refused, match="not public"):
        resolve(parse(url))


@pytest.mark.parametrize("url", ["https://localhost/hooks", "http://LOCALHOST:8000/"])
def test_names_of_private_addresses_are_refused(url: str) -> None:
    with pytest.raises(Refused, match=r"'localhost' is at (127|::1).* not public"):
        resolve(parse(url))


def test_one_private_address_among_several_is_one_too_many() -> None:
    with pytest.raises(Refused, match=r"10\.0\.0\.8"):
        judge(parse("https://lms.example.org"), ["93.184.216.34", "10.0.0.8"])


def test_public_addresses_are_allowed_by_https() -> None:
    at = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "93.184.216.34"]
    assert judge(parse("https://lms.example.org"), at) == at[:2]
    with pytest.raises(Refused, match="use an https address"):
        judge(parse("http://lms.example.org"), at)


@pytest.mark.parametrize("listed", ["127.0.0.1", "127.0.0.0/8", "localhost"])
def test_what_the_operator_lists_is_allowed(listed: str, settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ["lms.internal", listed]
    host = "localhost" if listed == "localhost" else "127.0.0.1"
    assert "127.0.0.1" in resolve(parse(f"http://{host}:8080/hooks"))


def test_listing_one_host_opens_no_other(settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ["lms.internal", "10.0.0.0/8"]
    with pytest.raises(Refused):
        resolve(parse("http://127.0.0.1/"))


@pytest.mark.parametrize(
    "url",
    ["", "lms.example.org/hooks", "ftp://lms.example.org", "https://", "https://lms.example.org:99999/",
     "https://user:secret@lms.example.org/", "https://lms.example.org/#top", "https://lms.example.org/a b",
     "https://lms.example.org/\r\nX-Evil: 1", "https://schüle.example/", "https://[::1", "file:///etc/passwd"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        parse(url)


def test_a_name_without_an_address_is_refused() -> None:
    with pytest.raises(Refused, match=r"'nosuch\.invalid' has no address"):
        resolve(parse("https://nosuch.invalid/"))
