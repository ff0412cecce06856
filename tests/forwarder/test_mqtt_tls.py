"""TLS to a broker: what it protects, what is said when it fails, and files that are renewed."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from forwarder.links.mqtt import path, reasons, tls
from forwarder.links.mqtt.link import MqttLink
from forwarder.links.mqtt.tls import TlsFiles, client_context, expiring
from forwarder.links.mqtt.x509_dates import first_end, not_after
from forwarder.sim.certificates import Authority, Pair
from forwarder.timing import wall_clock

from .mqtt_bench import (
    QUICK,
    a_broker,
    a_link,
    acknowledged,
    count,
    free_port,
    in_time,
    kept_link,
    running,
    settings,
    told,
    until,
    up,
)
from .semtech_makers import EUI, uplink
from .test_mqtt_trouble import CONNACK, saying

NOW = datetime.datetime.now(datetime.UTC)
DAY_S = 86_400


def authority(days: float = 0.0) -> Authority:
    """One whose certificates begin in so many days."""
    return Authority("test", NOW + datetime.timedelta(days=days))


@asynccontextmanager
async def tls_broker(folder: Path, ca: Authority, pair: Pair, *lines: str) -> AsyncIterator[int]:
    """A TLS listener; the plain one beside it is for whoever listens."""
    certificate, key = pair.write(folder, "server")
    (folder / "ca.pem").write_bytes(ca.certificate)
    port = free_port()
    listener = (f"listener {port} 127.0.0.1", f"certfile {certificate}", f"keyfile {key}")
    async with a_broker(folder, free_port(), *listener, f"cafile {folder / 'ca.pem'}", *lines):
        yield port


def a_tls_link(port: int, folder: Path, **changes: Any) -> MqttLink:
    values = {"scheme": "mqtts", "ca_file": str(folder / "ca.pem")} | changes
    return a_link(port, **values)


async def trouble(link: MqttLink) -> str:
    async with running(link):
        await until(lambda: link.status()["errors"] != 0)
        return f"{link.status()['state']}: {link.status()['trouble']}"


# Who is who.


@in_time
async def test_a_client_certificate_is_the_name_that_access_lists_know(folder: Path) -> None:
    ca = authority()
    certificate, key = ca.client(EUI).write(folder, "client")
    rules = folder / "acl"
    rules.write_text("topic read gw/#\npattern write gw/up\nuser " + EUI + "\ntopic gw/#\n")
    lines = ("require_certificate true", "use_identity_as_username true", f"acl_file {rules}")
    async with tls_broker(folder, ca, ca.server(), *lines) as port:
        for protocol in ("3.1.1", "5"):
            link, keeper = kept_link(
                port,
                scheme="mqtts",
                protocol=protocol,
                ca_file=str(folder / "ca.pem"),
                cert_file=str(certificate),
                key_file=str(key),
            )
            async with running(link):
                await up(link)
                keeper.put(1, uplink(b"frame"))
                await acknowledged(keeper, 1)
                days = link.status()["certificate_days"]
            assert isinstance(days, dict)
            assert {name: round(left) for name, left in days.items()} == {
                "client": 30, "ca": 30, "broker": 30,
            }  # fmt: skip


@in_time
async def test_websockets_over_tls_carry_the_same(folder: Path) -> None:
    ca = authority()
    async with tls_broker(folder, ca, ca.server(), "protocol websockets") as port:
        link, keeper = kept_link(port, scheme="wss", ca_file=str(folder / "ca.pem"))
        async with running(link):
            await up(link)
            for number in range(50):
                keeper.put(number, uplink(b"frame"))
            await until(lambda: len(keeper.acked) == 50)


def test_verification_is_never_off_and_nothing_older_than_tls_1_2_is_spoken() -> None:
    context = client_context(settings(8883, scheme="mqtts"))
    assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_ca_file_takes_the_place_of_the_systems_authorities(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(authority().certificate)
    context = client_context(settings(8883, scheme="mqtts", ca_file=str(file)))
    assert len(context.get_ca_certs()) == 1


@in_time
async def test_packets_that_share_a_record_are_all_read(folder: Path) -> None:
    pair = authority_pair(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    publish = b"\x30\x04\x00\x02gw"
    async with saying(CONNACK, b"\x90\x03\x00\x01\x00" + 3 * publish, tls=context) as port:
        link = a_tls_link(port, folder)
        async with running(link):
            await up(link)
            await until(lambda: link.status()["unreadable"] == 3)


def authority_pair(folder: Path) -> tuple[Path, Path]:
    ca = authority()
    (folder / "ca.pem").write_bytes(ca.certificate)
    return ca.server().write(folder, "server")


# What is said.


@in_time
async def test_a_broker_that_cannot_be_trusted_is_refused_in_words(folder: Path) -> None:
    ca, other = authority(), authority()
    cases: list[tuple[Authority, Pair, str]] = [
        (other, other.server(), "its authority is unknown; put"),
        (ca, ca.server(("broker.example",)), "does not name this IP address"),
        (ca, ca.server(days=-1), "its certificate has expired"),
    ]
    for number, (signer, pair, words) in enumerate(cases):
        place = folder / str(number)
        place.mkdir()
        async with tls_broker(place, signer, pair) as port:
            (place / "trusted.pem").write_bytes(ca.certificate)
            link = a_tls_link(port, place, ca_file=str(place / "trusted.pem"))
            said = await trouble(link)
            assert said.startswith("refused: ") and words in said
            assert link.status()["connections"] == 0


@in_time
async def test_a_clock_that_is_behind_is_named_and_waited_for(folder: Path) -> None:
    ca = authority(days=10)
    async with tls_broker(folder, ca, ca.server()) as port:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(wall_clock, "is_trusted", lambda: False)
            link = a_tls_link(port, folder)
            async with running(link):
                await until(lambda: count(link, "errors") >= 3)
                assert "this computer's clock, which is wrong or not set" in str(
                    link.status()["trouble"]
                )
            patch.setattr(wall_clock, "is_trusted", lambda: True)
            assert "this computer's clock seems right" in await trouble(a_tls_link(port, folder))


@in_time
async def test_a_missing_client_certificate_is_said(folder: Path) -> None:
    ca = authority()
    async with tls_broker(folder, ca, ca.server(), "require_certificate true") as port:
        words = await trouble(a_tls_link(port, folder))
        assert "client certificate" in words and "cert_file" in words


@in_time
async def test_a_client_certificate_of_a_foreign_authority_is_said(folder: Path) -> None:
    ca = authority()
    certificate, key = authority().client(EUI).write(folder, "foreign")
    async with tls_broker(folder, ca, ca.server(), "require_certificate true") as port:
        link = a_tls_link(port, folder, cert_file=str(certificate), key_file=str(key))
        words = await trouble(link)
        assert "client certificate" in words and "cert_file" in words


@in_time
async def test_tls_to_a_port_that_speaks_none_is_said(folder: Path) -> None:
    (folder / "ca.pem").write_bytes(authority().certificate)
    async with a_broker(folder, free_port()) as port:
        words = await trouble(a_tls_link(port, folder))
    assert "does that port speak TLS?" in words or "speaks no TLS" in words


# Files.


def touched(file: Path, data: bytes) -> None:
    """Written anew, and seen to be: a file system's clock may be coarse."""
    before = file.stat().st_mtime_ns
    file.write_bytes(data)
    if file.stat().st_mtime_ns == before:
        import os

        os.utime(file, ns=(before + 1_000_000, before + 1_000_000))


@in_time
async def test_renewed_certificates_are_taken_up_without_a_restart(folder: Path) -> None:
    ca = authority()
    certificate, key = ca.client(EUI, days=5).write(folder, "client")
    lines = ("require_certificate true", "use_identity_as_username true")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(path, "WATCH_S", 0.05)
        async with tls_broker(folder, ca, ca.server(), *lines) as port:
            link = a_tls_link(port, folder, cert_file=str(certificate), key_file=str(key))
            with told() as lines_told:
                async with running(link):
                    await up(link)
                    assert days(link)["client"] == pytest.approx(5, abs=0.1)
                    key_before = key.read_bytes()
                    touched(key, b"half a file")
                    await until(lambda: bool(link.status()["certificate_trouble"]))
                    assert link.status()["state"] == "up", "the old ones stay in use"
                    touched(key, key_before)
                    await until(lambda: not link.status()["certificate_trouble"])
                    new = ca.client(EUI, days=25)
                    new.write(folder, "client")
                    await until(lambda: days(link)["client"] > 24)
                    await until(lambda: count(link, "connections") >= 2)
                    await up(link)
    assert any("client certificate (cert_file) ends in 5 days" in line for line in lines_told)
    assert any("what was loaded before stays in use" in line for line in lines_told)


def days(link: MqttLink) -> dict[str, float]:
    left = link.status()["certificate_days"]
    assert isinstance(left, dict)
    return left


@in_time
async def test_certificates_and_key_may_be_credentials_of_systemd(folder: Path) -> None:
    ca, passed = authority(), folder / "passed"
    passed.mkdir()
    certificate, key = ca.client(EUI).write(folder, "client")
    certificate.rename(passed / "gateway-cert")
    key.rename(passed / "gateway-key")
    (passed / "fleet-ca").write_bytes(ca.certificate)
    async with tls_broker(folder, ca, ca.server(), "require_certificate true") as port:
        link = a_tls_link(
            port,
            folder,
            ca_file="credential:fleet-ca",
            cert_file="credential:gateway-cert",
            key_file="credential:gateway-key",
        )
        assert "credential:fleet-ca: cannot be read" in await trouble(link)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CREDENTIALS_DIRECTORY", str(passed))
            link = a_tls_link(
                port,
                folder,
                ca_file="credential:fleet-ca",
                cert_file="credential:gateway-cert",
                key_file="credential:gateway-key",
            )
            async with running(link):
                await up(link)


@in_time
async def test_files_that_come_later_end_the_wait(folder: Path) -> None:
    ca = authority()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(path, "WATCH_S", 0.05)
        async with tls_broker(folder, ca, ca.server()) as port:
            patient = replace(QUICK, first_refused_s=600.0, most_refused_s=600.0)
            link = a_tls_link(port, folder, ca_file=str(folder / "later.pem"), timing=patient)
            async with running(link):
                await until(lambda: link.status()["state"] == "refused")
                assert "later.pem: cannot be read: No such file" in str(link.status()["trouble"])
                (folder / "later.pem").write_bytes(ca.certificate)
                await up(link)


def test_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    ca = authority()
    certificate, _ = ca.client("one").write(tmp_path, "one")
    _, key = ca.client("two").write(tmp_path, "two")
    files = TlsFiles(settings(8883, scheme="mqtts", cert_file=str(certificate), key_file=str(key)))
    assert isinstance(files.context(), reasons.Failure)
    assert files.error == f"{key} is not the key of {certificate}"


def test_an_encrypted_key_is_refused_instead_of_asked_for(tmp_path: Path) -> None:
    pair = authority().client("one")
    certificate, key = pair.write(tmp_path, "one")
    private = serialization.load_pem_private_key(pair.key, None)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    files = TlsFiles(settings(8883, scheme="mqtts", cert_file=str(certificate), key_file=str(key)))
    files.context()
    assert "the key is encrypted" in files.error


def test_a_certificate_near_its_end_is_told_and_one_far_from_it_is_not() -> None:
    assert expiring({"client": 31.0, "ca": 400.0}) == []
    lines = expiring({"client": 29.4, "broker": -2.0})
    assert lines[0].startswith("the client certificate (cert_file) ends in 29 days; renew it")
    assert lines[1].startswith("the broker's certificate ended 2 days ago")


# The end of a certificate, read from its bytes.


@given(st.datetimes(datetime.datetime(1951, 1, 1), datetime.datetime(2149, 12, 31)))
def test_ends_are_read_as_a_library_for_certificates_reads_them(end: datetime.datetime) -> None:
    end = end.replace(microsecond=0, tzinfo=datetime.UTC)
    certificate = _ending(end)
    assert not_after(certificate.public_bytes(serialization.Encoding.DER)) == end.timestamp()


def _ending(end: datetime.datetime) -> x509.Certificate:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "x" * 60)])
    global _key
    _key = _key or ec.generate_private_key(ec.SECP256R1())
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(_key.public_key())
        .serial_number(1)
        .not_valid_before(end - datetime.timedelta(days=1))
        .not_valid_after(end)
        .sign(_key, hashes.SHA256())
    )


_key: Any = None


@given(st.binary(max_size=200))
def test_bytes_that_are_no_certificate_raise_nothing_else(data: bytes) -> None:
    with pytest.raises(ValueError):
        not_after(data)


@given(st.integers(0, 800), st.integers(0, 255))
def test_a_damaged_certificate_raises_nothing_else(at: int, value: int) -> None:
    der = bytearray(DER)
    der[at % len(der)] = value
    with suppress(ValueError):
        not_after(bytes(der))
    for size in range(0, len(DER), 37):
        with suppress(ValueError):
            not_after(DER[:size])


DER = _ending(NOW.replace(microsecond=0)).public_bytes(serialization.Encoding.DER)


def test_of_several_certificates_in_a_file_the_first_to_end_counts() -> None:
    ends = [NOW.replace(microsecond=0) + datetime.timedelta(days=n) for n in (9, 3, 6)]
    pem = b"".join(_ending(end).public_bytes(serialization.Encoding.PEM) for end in ends)
    assert first_end(b"# a comment\n" + pem) == ends[1].timestamp()
    assert first_end(b"nothing") is None
    assert first_end(b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----") is None


# The wall clock.


def test_a_clock_earlier_than_this_program_is_wrong_for_certain() -> None:
    assert wall_clock.is_behind(0.0) and wall_clock.is_behind(wall_clock.RELEASED_S - 2 * DAY_S)
    assert not wall_clock.is_behind(4e9)


def test_a_clock_is_trusted_when_somebody_keeps_it_right(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wall_clock, "kernel_synchronised", lambda: False)
        patch.setattr(wall_clock, "SYNCHRONIZED", tmp_path / "synchronized")
        assert not wall_clock.is_trusted()
        (tmp_path / "synchronized").touch()
        assert wall_clock.is_synchronized()


def test_words_of_openssl_become_words_for_people() -> None:
    failure = reasons.tls_failed("TLSV1_ALERT_UNKNOWN_CA", "[SSL] unknown ca", host="h")
    assert failure.kind is reasons.Trouble.CERTIFICATE and "cert_file" in failure.words
    other = reasons.tls_failed("", "something new", host="h")
    assert other.kind is reasons.Trouble.NETWORK and "something new" in other.words
    assert tls.WARN_DAYS == 30
