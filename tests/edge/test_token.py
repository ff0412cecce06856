"""Keys in a token (SoftHSM2): the same results, and nothing comes out."""

from __future__ import annotations

import pickle
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forwarder.edge.errors import EnvelopeRefused, KekError, TokenError
from forwarder.edge.frame_crypto import same_key
from forwarder.edge.kek_store import open_ring, open_token, open_vault
from forwarder.edge.keks import KekSettings, KeyRing, SourceKeys, TokenSettings
from forwarder.edge.keys import SoftKey
from forwarder.edge.values import Envelope, KeyHandle, Scheme
from forwarder.edge.vault import KekVault

from .envelopes import KEKS, KEY, TUNNEL, WRAPPED, flipped, wrapped
from .tokens import soft_token

pkcs11 = pytest.importorskip("pkcs11", reason="needs python-pkcs11: pip install '.[hsm]'")
from forwarder.edge.pkcs11 import Token, TokenKek, TokenKey  # noqa: E402
from forwarder.edge.token_admin import import_kek  # noqa: E402

SOURCES = {"tunnel": SourceKeys(kek="astk")}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TokenSettings:
    return soft_token(tmp_path, monkeypatch)


@pytest.fixture
def token(place: TokenSettings) -> Token:
    made = open_token(place)
    import_kek(made, "k", 1, KEKS[16])
    return made


def vault(token: Token) -> KekVault:
    return KekVault(KeyRing(token.keks()), SOURCES)


def opened(token: Token, envelope: Envelope | None = None) -> TokenKey:
    key = vault(token).open(envelope or wrapped(), "tunnel")
    assert isinstance(key, TokenKey)
    return key


def alike(key: KeyHandle) -> None:
    soft = SoftKey(KEY)
    assert key.cmac(b"a message") == soft.cmac(b"a message")
    assert key.encrypt_blocks(bytes(range(48))) == soft.encrypt_blocks(bytes(range(48)))


@pytest.mark.parametrize("size", KEKS)
def test_cmac_and_keystream_are_those_of_a_key_in_memory(place: TokenSettings, size: int) -> None:
    token = open_token(place)
    import_kek(token, "k", 1, KEKS[size])
    alike(opened(token, wrapped(size)))


def test_thingparks_block_opens_under_a_kek_that_may_decrypt(token: Token) -> None:
    import_kek(token, "astk", 1, KEKS[16], tunnel=True)
    alike(opened(token, Envelope(Scheme.CBC0, TUNNEL)))


@pytest.mark.parametrize(
    ("tunnel", "envelope", "says"),
    [
        (False, Envelope(Scheme.CBC0, TUNNEL), "with --tunnel"),
        (True, wrapped(16, "astk"), "without --tunnel"),
    ],
)
def test_a_kek_has_one_use_and_says_which_is_missing(
    token: Token, tunnel: bool, envelope: Envelope, says: str
) -> None:
    import_kek(token, "astk", 1, KEKS[16], tunnel=tunnel)
    with pytest.raises(TokenError, match=says):
        opened(token, envelope)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bit=st.integers(0, 8 * 24 - 1))
def test_a_flipped_bit_is_refused_and_the_token_goes_on(token: Token, bit: int) -> None:
    generation = token.generation
    with pytest.raises(EnvelopeRefused, match="KEK 'k', version 1 tried") as refused:
        opened(token, Envelope(Scheme.RFC3394, flipped(WRAPPED[16], bit), "k"))
    assert not isinstance(refused.value, TokenError)
    assert token.generation == generation


def test_neither_kek_nor_session_key_can_be_read(token: Token) -> None:
    from pkcs11 import Attribute

    key = opened(token)
    kek = token.keks()[0]
    assert isinstance(kek, TokenKek)
    for held in (key.object(), token.run(kek.object)):
        assert held[Attribute.SENSITIVE] and not held[Attribute.EXTRACTABLE]
        assert held[Attribute.PRIVATE]  # not there for who has no PIN
        with pytest.raises(pkcs11.PKCS11Error):
            _ = held[Attribute.VALUE]
    assert not key.object()[Attribute.TOKEN]


USES = ("ENCRYPT", "DECRYPT", "SIGN", "VERIFY", "WRAP", "UNWRAP", "DERIVE")


def test_every_key_may_do_what_it_is_for_and_nothing_else(token: Token) -> None:
    import_kek(token, "astk", 1, KEKS[16], tunnel=True)
    wanted = {"k": {"UNWRAP"}, "astk": {"DECRYPT"}, "": {"ENCRYPT", "SIGN"}}
    keys = {kek.label: token.run(kek.object) for kek in token.keks()}
    keys[""] = opened(token).object()
    for label, key in keys.items():
        assert {use for use in USES if key[pkcs11.Attribute[use]]} == wanted[label]


@pytest.mark.parametrize(
    ("identity", "version"),
    [(b"", 1), (b"\0", 1), (b"\7", 7), (b"\1\0", 256), (bytes(range(20)), 1)],
)
def test_a_kek_that_others_brought_has_its_version_in_a_short_id(
    place: TokenSettings, identity: bytes, version: int
) -> None:
    from pkcs11 import Attribute

    from forwarder.edge.token_admin import _kek_template

    template = {**_kek_template("k", 1, tunnel=False), Attribute.VALUE: KEKS[16]}
    token = open_token(place)
    token.run(lambda session: session.create_object({**template, Attribute.ID: identity}))
    assert [kek.version for kek in token.keks()] == [version]
    alike(opened(token))


def test_a_token_that_fails_in_a_new_session_too_is_left_alone_for_a_while(token: Token) -> None:
    now = [100.0]
    token._monotonic = lambda: now[0]
    tries: list[object] = []

    def broken(session: object) -> None:
        tries.append(session)
        raise pkcs11.DeviceRemoved

    with pytest.raises(TokenError, match="DeviceRemoved"):
        token.run(broken)
    with pytest.raises(TokenError, match="tried again in 5 s"):
        token.run(broken)
    assert len(tries) == 2 and tries[0] is not tries[1]
    now[0] += 5.0
    alike(opened(token))


def test_no_key_is_seen_in_what_is_shown_or_pickled(token: Token) -> None:
    key = opened(token)
    for each in (key, token.keks()[0]):
        assert KEY.hex() not in repr(each) and KEKS[16].hex() not in repr(each)
        with pytest.raises(TypeError):
            pickle.dumps(each)


def test_keys_come_back_after_their_session_has_ended(token: Token) -> None:
    first, second = opened(token), opened(token)
    token.run(lambda session: session.close())  # behind the token's back, as a pulled plug does
    alike(first)
    alike(second)
    token.close()
    alike(second)


def test_keys_come_back_after_the_library_forgot_everything(
    token: Token, place: TokenSettings
) -> None:
    key, ring = opened(token), vault(token)
    pkcs11.lib(place.module).reinitialize()
    alike(key)
    pkcs11.lib(place.module).reinitialize()
    alike(ring.open(wrapped(), "any"))


def test_a_token_that_is_away_is_asked_again_after_a_while(
    token: Token, place: TokenSettings, tmp_path: Path
) -> None:
    key = opened(token)
    now = [100.0]
    token._monotonic = lambda: now[0]
    (tmp_path / "token").rename(tmp_path / "pulled")
    (tmp_path / "token").mkdir()
    token.close()
    pkcs11.lib(place.module).reinitialize()
    with pytest.raises(TokenError, match="NoSuchToken"):
        key.cmac(b"")
    (tmp_path / "token").rmdir()
    (tmp_path / "pulled").rename(tmp_path / "token")
    with pytest.raises(TokenError, match="does not answer; tried again in 5 s"):
        key.cmac(b"")
    now[0] += 5.0
    alike(key)


def test_a_gateway_starts_without_its_token_and_uses_it_when_it_is_back(
    token: Token, place: TokenSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(Token.__init__, "__kwdefaults__", {"monotonic": lambda: now[0]})
    token.close()
    (tmp_path / "token").rename(tmp_path / "pulled")
    (tmp_path / "token").mkdir()
    pkcs11.lib(place.module).reinitialize()
    with pytest.raises(TokenError):
        open_ring(KekSettings(token=place))
    ring = open_vault(KekSettings(token=place, sources=SOURCES))
    with pytest.raises(TokenError, match="does not answer"):
        ring.open(wrapped(), "any")
    with pytest.raises(EnvelopeRefused, match="names no KEK"):  # the token would not help
        ring.open(wrapped(16, ""), "any")
    (tmp_path / "token").rmdir()
    (tmp_path / "pulled").rename(tmp_path / "token")
    now[0] += 5.0
    alike(ring.open(wrapped(), "any"))
    with pytest.raises(EnvelopeRefused, match="no KEK with label 'other'"):
        ring.open(wrapped(16, "other"), "any")


def test_a_wrong_pin_is_tried_once_and_never_again(place: TokenSettings) -> None:
    Path(place.pin_file).write_text("0000")
    token = open_token(place)
    with pytest.raises(TokenError, match="the PIN is refused"):
        token.keks()
    Path(place.pin_file).write_text("4711")
    with pytest.raises(TokenError, match="correct it, then restart"):
        token.keks()
    assert open_token(place).keks() == []


def test_a_pin_that_others_can_read_is_not_used(place: TokenSettings) -> None:
    Path(place.pin_file).chmod(0o644)
    with pytest.raises(KekError, match="chmod 600"):
        open_token(place).keks()


def test_a_pin_that_went_away_later_is_the_tokens_trouble(
    token: Token, place: TokenSettings
) -> None:
    key = opened(token)
    Path(place.pin_file).rename(f"{place.pin_file}.away")
    token.close()
    with pytest.raises(TokenError, match="cannot be read"):
        key.cmac(b"")


def test_a_wiped_key_is_gone_from_the_token(token: Token) -> None:
    key = opened(token)
    held = key.object()
    key.wipe()
    with pytest.raises(ValueError, match="wiped"):
        key.cmac(b"")
    with pytest.raises(pkcs11.PKCS11Error):
        _ = held[pkcs11.Attribute.LABEL]


def test_a_small_token_holds_a_few_keys_and_serves_many(place: TokenSettings) -> None:
    import_kek(open_token(place), "k", 1, KEKS[16])
    token = open_token(msgspec.structs.replace(place, max_keys=3))
    keys = [opened(token) for _ in range(7)]
    for key in [*keys, *reversed(keys)]:
        alike(key)
    held = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY, pkcs11.Attribute.TOKEN: False}
    assert token.run(lambda session: len(list(session.get_objects(held)))) == 3


def test_versions_and_check_values_are_in_the_ring(place: TokenSettings) -> None:
    token = open_token(place)
    import_kek(token, "k", 1, KEKS[16])
    import_kek(token, "k", 300, KEKS[32])
    ring = open_ring(KekSettings(token=place))
    rows = [(kek.label, kek.version, kek.where, kek.check_value()) for kek in ring]
    assert rows == [("k", 300, "token", "f29000"), ("k", 1, "token", "c6a13b")]
    with pytest.raises(KekError, match="version 300: give --version a higher one"):
        import_kek(token, "k", 300, KEKS[24])
    alike(KekVault(ring).open(wrapped(16), "any"))


def test_a_library_that_is_not_there_is_said_with_its_path(place: TokenSettings) -> None:
    token = open_token(msgspec.structs.replace(place, module="/nowhere/token.so"))
    with pytest.raises(TokenError, match=r"/nowhere/token\.so"):
        token.keks()


def test_two_handles_of_one_key_are_known_as_such(token: Token) -> None:
    assert same_key(opened(token), SoftKey(KEY)) and not same_key(opened(token), SoftKey(bytes(16)))
