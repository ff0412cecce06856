"""What the configuration may say about key sources."""

from __future__ import annotations

import msgspec
import pytest

from forwarder.edge.sources.open import Settings
from forwarder.edge.sources.settings import BrokerSettings, ListenSettings


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"type": "push", "http": {"listen": "127.0.0.1:80"}}, "token_file expected"),
        (
            {"type": "push", "http": {"listen": "0.0.0.0:80", "token_file": "/t"}},
            "without TLS",
        ),
        ({"type": "chirpstack"}, "one of mqtt and http"),
        ({"type": "chirpstack", "mqtt": {"server": "http://x"}}, "mqtt://HOST"),
        ({"type": "chirpstack", "mqtt": {"server": "mqtt://x"}, "allow_clear": True}, "mqtts://"),
        ({"type": "chirpstack", "mqtt": {"server": "mqtt://x", "topics": ["a/#/b"]}}, "levels"),
        ({"type": "chirpstack", "mqtt": {"server": "mqtt://x", "ca_file": "/a"}}, "need mqtts"),
        ({"type": "chirpstack", "mqtt": {"server": "mqtt://x:y"}}, "HOST:PORT"),
        ({"type": "thingpark", "mqtt": {"server": "mqtt://x"}}, "topics expected"),
        ({"type": "loriot", "mqtt": {"server": "mqtt://x"}}, "topics expected"),
        (
            {
                "type": "tts",
                "http": {"listen": "0.0.0.0:1", "cert_file": "/c", "key_file": "/k"},
            },
            "nothing tells who sends",
        ),
        ({"type": "tts", "http": {"listen": "127.0.0.1:1", "cert_file": "/c"}}, "go together"),
        ({"type": "tts", "name": "a b", "http": {"listen": "127.0.0.1:1"}}, "regex"),
        ({"type": "tts", "typo": 1}, "typo"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_in_words(table: object, words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert(table, Settings)


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ("mqtt://broker.example", ("broker.example", 1883)),
        ("mqtts://broker.example", ("broker.example", 8883)),
        ("mqtts://10.0.0.1:9883", ("10.0.0.1", 9883)),
        ("mqtt://[fd00::1]:99", ("fd00::1", 99)),
        ("mqtt://[::1]", ("::1", 1883)),
    ],
)
def test_an_address_has_its_usual_port(server: str, address: tuple[str, int]) -> None:
    assert BrokerSettings(server=server).address == address


def test_a_source_is_called_as_its_type_unless_named() -> None:
    http = {"listen": "127.0.0.1:1"}
    unnamed = msgspec.convert({"type": "loriot", "http": http}, Settings)
    named = msgspec.convert({"type": "loriot", "name": "north", "http": http}, Settings)
    assert (unnamed.name, named.name) == ("loriot", "north")


def test_what_the_vault_lets_a_source_do_is_said_with_the_source() -> None:
    table = {"type": "tts", "kek": "lab", "allow_clear": True, "http": {"listen": "[::1]:1"}}
    keys = msgspec.convert(table, Settings).keys
    assert (keys.kek, keys.allow_clear) == ("lab", True)


def test_loopback_needs_no_tls() -> None:
    assert not ListenSettings(listen="localhost:80").tls
