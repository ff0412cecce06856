"""What is masked in a report, and what stays to be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.report.redact import MASK, Scrub, secret_files, settings, unreadable


@pytest.mark.parametrize(
    "name", ["password", "api_key", "app_s_key", "token", "username", "client_id", "authorization",
             "kek_label", "pin"],
)  # fmt: skip
def test_what_stands_under_the_name_of_a_secret_is_masked(name: str) -> None:
    shown, secrets = settings({"server": [{name: "hush"}]})
    assert shown == {"server": [{name: MASK}]} and secrets == {"hush"}


@pytest.mark.parametrize("name", ["headers", "metadata", "commands", "metadata_commands"])
def test_where_anything_may_stand_all_of_it_is_masked(name: str) -> None:
    shown, secrets = settings({name: {"X-Auth": "hush", "more": ["a secret", 7]}})
    assert shown == {name: {"X-Auth": MASK, "more": [MASK, 7]}}
    assert secrets == {"hush", "a secret"}


def test_names_numbers_and_files_stay() -> None:
    table = {"address": "eu1.example", "port": 1700, "token_file": "/etc/t", "key_file": "/etc/k",
             "forward_crc_valid": True, "board": "rak2287"}  # fmt: skip
    assert settings(table) == (table, set())


def test_of_a_webhook_only_the_host_stays() -> None:
    shown, secrets = settings({"url": "https://user:pw@hooks.example/services/T0/B0/x?y=z"})
    assert shown == {"url": f"https://hooks.example/{MASK}"}
    assert "services/T0/B0/x?y=z" in secrets


def test_files_with_secrets_are_told_from_those_without() -> None:
    table = {"password_file": "a", "token_file": "b", "ca_file": "c", "cert_file": "d",
             "edge": {"keks": {"file": "e"}, "sink": [{"secret_file": "f"}]}, "key_file": "g"}  # fmt: skip
    assert set(secret_files(table)) == {"a", "b", "e", "f", "g"}


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("key 000102030405060708090a0b0c0d0e0f!", "0001020304"),
        ("wss://user:hunter2@broker.example/mqtt", "hunter2"),
        ("Authorization: Bearer abc.def", "abc.def"),
        ("https://h.example/x?token=abc", "abc"),
        ("NNSXS.ABCDEFGHIJKL.MNOP", "ABCDEFGHIJKL"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "MIIE"),
        ("jwt eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9abcdefgh0123", "eyJ"),
    ],
)
def test_what_looks_like_a_secret_is_masked_wherever_it_stands(text: str, gone: str) -> None:
    shown = Scrub(set()).text(text)
    assert gone not in shown and MASK in shown


@pytest.mark.parametrize(
    "text", ["0016c001f1500001", "DevAddr 26000001", "RX_TOP_RX_BUFFER_LAST_ADDR_READ_LAST_ADDR_READ",
             "/usr/lib/python3/dist-packages/forwarder/links/semtech_udp/session.py", "868100000"],
)  # fmt: skip
def test_what_a_reader_needs_stays(text: str) -> None:
    assert Scrub(set()).text(text) == text


def test_a_known_secret_is_masked_in_any_text() -> None:
    assert Scrub({"hunter2"}).text("login with hunter2 failed") == f"login with {MASK} failed"


def test_one_device_has_one_stand_in_in_all_texts() -> None:
    scrub = Scrub(set(), anonymous=True)
    assert scrub.text('"dev_eui": "70B3D57ED0000001"') == '"dev_eui": "eui-1"'
    assert scrub.text("70-b3-d5-7e-d0-00-00-01 and 2600abcd") == "eui-1 and addr-2"
    assert (
        scrub.text('{"dev_addr":"26000001","load":36000000}')
        == '{"dev_addr":"addr-3","load":36000000}'
    )


def test_the_position_is_masked_with_the_identities() -> None:
    text = '{"latitude_deg": 51.50735, "longitude_deg": -0.12776, "altitude_m": 35}'
    shown = Scrub(set(), anonymous=True).text(text)
    assert shown == '{"latitude_deg": 0, "longitude_deg": 0, "altitude_m": 0}'


@given(st.text(max_size=200), st.sets(st.text(min_size=4, max_size=12), max_size=3))
def test_no_known_secret_outlives_any_text(text: str, secrets: set[str]) -> None:
    secrets = {one for one in secrets if "*" not in one}
    shown = Scrub(secrets).text(text + "".join(secrets))
    assert not any(one in shown for one in secrets if len(one) >= 4 and one not in MASK)


def test_of_a_file_that_cannot_be_parsed_no_text_is_shown() -> None:
    text = '[server]\naddress = "host"\nport = 1700\npassword = "hush\nraw hush\n[[x]]\nflag = true'
    shown = unreadable(text)
    assert "hush" not in shown and "host" not in shown
    assert "port = 1700" in shown and "[server]" in shown and "flag = true" in shown
