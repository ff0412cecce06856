"""Settings of Join Servers: what is dangerous or means nothing is refused in words."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.edge.sources.join_server_settings import (
    Answers,
    JoinServerSettings,
    PrefixTable,
    ServerSettings,
    prefix,
)
from forwarder.edge.sources.settings import ListenSettings

URL = "https://js.example/api"


LATER = ServerSettings(url=URL, answers=Answers.ASYNC)


def read(text: str) -> JoinServerSettings:
    import tomllib

    return msgspec.convert(tomllib.loads(text), JoinServerSettings)


def test_the_example_of_the_module_is_read() -> None:
    found = read(
        """
        type = "join_server"
        as_id = "edge-as.example"
        [[server]]
        url = "https://js.example/api"
        join_eui = ["70b3d57ed0000000/40"]
        version = "1.1"
        cert_file = "/etc/edgemast/js.pem"
        key_file = "/etc/edgemast/js.key"
        """
    )
    assert found.server[0].host == "js.example" and found.name == "join_server"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"url": "js.example"}, id="no scheme"),
        pytest.param({"url": "ftp://js.example"}, id="another scheme"),
        pytest.param({"url": "https://"}, id="no host"),
        pytest.param({"url": "https://js.example:99999"}, id="no such port"),
        pytest.param({"url": "https://me:secret@js.example"}, id="a password in it"),
        pytest.param({"url": "https://js.example/?a=b"}, id="a query"),
        pytest.param({"url": "https://js.example/a b"}, id="a space"),
        pytest.param({"url": "http://js.example", "allow_http": True}, id="clear over the net"),
        pytest.param({"url": "http://127.0.0.1"}, id="clear without saying so"),
        pytest.param({"join_eui": ("70b3/65",)}, id="65 bits"),
        pytest.param({"join_eui": ("70b3/24",)}, id="more bits than digits"),
        pytest.param({"join_eui": ("xyz",)}, id="no hexadecimal"),
        pytest.param({"join_eui": ()}, id="for nobody"),
        pytest.param({"cert_file": "/a.pem"}, id="a certificate without key"),
        pytest.param({"username": "me"}, id="a user without password"),
        pytest.param({"password_file": "/p"}, id="a password without user"),
        pytest.param(
            {"username": "me", "password_file": "/p", "authorization_file": "/a"}, id="two at once"
        ),
        pytest.param({"username": "m:e", "password_file": "/p"}, id="a colon"),
        pytest.param({"headers": {"Authorization": "Bearer x"}}, id="a secret in the open"),
        pytest.param({"headers": {"X-A": "b\r\nHost: evil"}}, id="two lines in a header"),
        pytest.param({"headers": {"X A": "b"}}, id="a header with a space"),
        pytest.param({"headers": {"Content-length": "0"}}, id="a header of HTTP's own"),
        pytest.param({"paths": {"PRStartReq": "/x"}}, id="a message not sent"),
        pytest.param({"paths": {"JoinReq": "x"}}, id="no path"),
        pytest.param({"timeout_s": 0}, id="no time"),
        pytest.param({"timeout_s": float("nan")}, id="no number"),
        pytest.param({"tls_verify": False}, id="verification off"),
    ],
)
def test_a_server_that_makes_no_sense_or_is_not_safe_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        ServerSettings(**{"url": URL, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"server": ()}, id="nobody to ask"),
        pytest.param({"as_id": ""}, id="nobody asks"),
        pytest.param({"net_id": "13"}, id="a short NetID"),
        pytest.param({"ns_id": "00"}, id="a short NSID"),
        pytest.param({"as_id": "a\nb"}, id="an AS-ID of two lines"),
        pytest.param({"server": (LATER,)}, id="answers come later, and nobody listens"),
        pytest.param({"http": ListenSettings(listen="127.0.0.1:80")}, id="nobody answers later"),
        pytest.param(
            {
                "server": (LATER,),
                "http": ListenSettings(listen="0.0.0.0:443", cert_file="/c", key_file="/k"),
            },
            id="anybody may answer",
        ),
    ],
)
def test_a_source_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        JoinServerSettings(**{"server": (ServerSettings(url=URL),), "as_id": "edge", **changes})


def test_loopback_may_be_asked_without_tls() -> None:
    for host in ("127.0.0.1:8080", "localhost", "[::1]:80"):
        ServerSettings(url=f"http://{host}", allow_http=True)


def table(*prefixes: str) -> PrefixTable:
    return PrefixTable(tuple(ServerSettings(url=URL, join_eui=(one,)) for one in prefixes))


def test_the_longest_prefix_wins_and_of_equal_ones_the_first() -> None:
    found = table("*", "70b3d57e", "70B3D57ED0000000/40", "0x70b3d57e", "70-b3-d5-7e-d0-00-11-22")
    assert found.find("0000000000000001") == 0
    assert found.find("70b3d57eff000000") == 1
    assert found.find("70b3d57ed0ffffff") == 2
    assert found.find("70b3d57ed0001122") == 4
    assert table("70b3").find("70b4000000000000") is None


@given(st.integers(0, 2**64 - 1), st.integers(0, 64))
def test_a_prefix_matches_what_begins_with_it(value: int, bits: int) -> None:
    text = f"{value:016x}/{bits}"
    start, count = prefix(text)
    assert count == bits and start <= value
    assert table(text).find(f"{value:016x}") == 0
    if bits:
        other = value ^ 1 << (64 - bits)
        assert table(text).find(f"{other:016x}") is None
