"""Who may see the page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.page.access import SECURITY_HEADERS, Access, host_name, ticket

TOKEN = "correct horse"


def guarded() -> Access:
    return Access(TOKEN, loopback=False, secure=True)


@pytest.mark.parametrize("headers", [{"authorization": f"Bearer {TOKEN}"}, {"authorization": f"bearer {TOKEN} "},
                                     {"cookie": f"a=b; edgemast={ticket(TOKEN)}"}])  # fmt: skip
def test_the_token_or_its_cookie_admits(headers: dict[str, str]) -> None:
    assert guarded().admits(headers)


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": TOKEN}, {"authorization": "Bearer "}, {"authorization": f"Basic {TOKEN}"},
     {"cookie": f"edgemast={TOKEN}"}, {"cookie": "edgemast="}, {"cookie": f"other={ticket(TOKEN)}"},
     {"cookie": f"edgemast={ticket('another')}"}],
)  # fmt: skip
def test_all_else_does_not(headers: dict[str, str]) -> None:
    assert not guarded().admits(headers)


@given(st.text(max_size=40))
def test_no_other_text_is_the_token(text: str) -> None:
    assert guarded().is_token(text) == (text.strip() == TOKEN)
    assert not Access("", loopback=True, secure=False).is_token(text)


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites() -> None:
    cookie = guarded().cookie()
    assert {"HttpOnly", "SameSite=Strict", "Secure"} <= set(cookie.split("; "))
    assert TOKEN not in cookie


def test_on_loopback_only_its_own_names_are_meant() -> None:
    open_ = Access("", loopback=True, secure=False)
    for host in ("localhost", "LOCALHOST:8080", "127.0.0.1:8080", "[::1]:8080", "[::1]"):
        assert open_.knows_host(host)
    for host in ("", "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost."):
        assert not open_.knows_host(host)
    assert guarded().knows_host("gateway.example:8443")


@given(st.text(max_size=30))
def test_any_host_header_can_be_looked_at(host: str) -> None:
    host_name(host)


def test_nothing_from_elsewhere_is_loaded_and_nobody_may_frame_it() -> None:
    policy = SECURITY_HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy
    assert not any(name.startswith("Access-Control") for name in SECURITY_HEADERS)
