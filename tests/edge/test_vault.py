"""Envelopes opened, or refused in words that name label and versions and never a key."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forwarder.edge.errors import EnvelopeRefused
from forwarder.edge.frame_crypto import crypt_payload, same_key
from forwarder.edge.keks import KeyRing, SoftKek, SourceKeys
from forwarder.edge.keys import SoftKey
from forwarder.edge.values import Envelope, Scheme
from forwarder.edge.vault import KekVault
from tests.shared import shared

from .envelopes import KEKS, KEY, TUNNEL, WRAPPED, flipped, wrapped

SOURCES = {
    "tunnel": SourceKeys(kek="k"),
    "loose": SourceKeys(allow_clear=True),
    "lost": SourceKeys(kek="gone"),
}


def vault(*keks: SoftKek) -> KekVault:
    return KekVault(KeyRing(keks or (SoftKek("k", KEKS[16]),)), SOURCES)


def refusal(envelope: Envelope, source: str = "js", by: KekVault | None = None) -> str:
    with pytest.raises(EnvelopeRefused) as refused:
        (by or vault()).open(envelope, source)
    return str(refused.value)


@pytest.mark.parametrize("size", KEKS)
def test_rfc_3394_opens_under_keks_of_every_size(size: int) -> None:
    opened = vault(SoftKek("k", KEKS[size])).open(wrapped(size), "js")
    assert same_key(opened, SoftKey(KEY))


def test_thingparks_block_opens_under_the_default_kek_of_its_source() -> None:
    opened = vault().open(Envelope(Scheme.CBC0, TUNNEL), "tunnel")
    assert same_key(opened, SoftKey(KEY))


def test_an_old_version_still_opens_what_it_wrapped() -> None:
    ring = vault(SoftKek("k", KEKS[32], 2), SoftKek("k", KEKS[16], 1))
    assert same_key(ring.open(wrapped(16), "js"), ring.open(wrapped(32), "js"))


@pytest.mark.parametrize("label", ["", "id-aes128-wrap"])
def test_a_wire_without_a_real_label_gets_the_default_of_its_source(label: str) -> None:
    assert same_key(vault().open(wrapped(16, label), "tunnel"), SoftKey(KEY))


def test_a_label_that_is_known_is_not_replaced_by_the_default() -> None:
    ring = vault(SoftKek("k", KEKS[16]), SoftKek("other", KEKS[24]))
    assert "KEK 'other', version 1" in refusal(wrapped(16, "other"), "tunnel", ring)


def test_a_default_that_does_not_open_is_told_with_the_label_on_the_wire() -> None:
    said = refusal(wrapped(24, "id-aes128-wrap"), "tunnel")
    assert "KEK 'k' (the envelope says 'id-aes128-wrap'), version 1 tried" in said
    for label in ("", "k", "k@1"):
        assert "the envelope says" not in refusal(wrapped(24, label), "tunnel")


def test_a_block_without_integrity_is_not_tried_under_a_guess() -> None:
    said = refusal(Envelope(Scheme.CBC0, TUNNEL, "theirs"), "tunnel")
    assert "no KEK with label 'theirs'" in said


def test_a_block_without_integrity_is_opened_by_the_newest_and_stored_with_its_version() -> None:
    sealed = Envelope(Scheme.CBC0, TUNNEL)
    pinned = vault().pinned(sealed, "tunnel")
    assert pinned.label == "k@1" and pinned.wrapped == TUNNEL
    after = vault(SoftKek("k", KEKS[16], 1), SoftKek("k", bytes(16), 2))
    assert same_key(after.open(pinned, "tunnel"), SoftKey(KEY))
    assert not same_key(after.open(sealed, "tunnel"), SoftKey(KEY))


def test_what_tells_a_wrong_kek_is_stored_as_it_came() -> None:
    assert vault().pinned(wrapped(), "tunnel") == wrapped()


@given(st.integers(0, 8 * 24 - 1))
def test_a_flipped_bit_is_seen_wherever_it_is(bit: int) -> None:
    said = refusal(Envelope(Scheme.RFC3394, flipped(WRAPPED[16], bit), "k"))
    assert "KEK 'k', version 1 tried: it is damaged, or" in said


def test_a_wrong_kek_names_every_version_that_was_tried() -> None:
    ring = vault(SoftKek("k", bytes(16), 1), SoftKek("k", bytes(32), 4))
    assert "version 4, 1 tried" in refusal(wrapped(), by=ring)


@pytest.mark.parametrize(
    ("envelope", "source", "says"),
    [
        pytest.param(
            Envelope(Scheme.RFC3394, KEY, "k"),
            "js",
            "32 hexadecimal digits) with a KEK label",
            id="32 and a label",
        ),
        pytest.param(
            Envelope(Scheme.CLEAR, KEY, "k"),
            "loose",
            "(label 'k') is not TS002",
            id="clear and a label",
        ),
        pytest.param(Envelope(Scheme.RFC3394, KEY), "js", "a key in clear", id="32 and no label"),
        pytest.param(
            Envelope(Scheme.RFC3394, bytes(23), "k"),
            "js",
            "24 bytes (48 hexadecimal digits), this one 23",
            id="short",
        ),
        pytest.param(Envelope(Scheme.RFC3394, b"", "k"), "js", "this one 0", id="empty"),
        pytest.param(Envelope(Scheme.CBC0, WRAPPED[16]), "tunnel", "16 bytes", id="48 as a block"),
        pytest.param(Envelope(Scheme.CLEAR, bytes(15)), "loose", "this one 15", id="short clear"),
        pytest.param(Envelope(Scheme.CLEAR, KEY), "js", "allow_clear", id="clear not allowed"),
        pytest.param(Envelope(Scheme.CLEAR, KEY), "tunnel", "allow_clear", id="nor by a default"),
        pytest.param(wrapped(16, "gone"), "js", "no KEK with label 'gone'", id="unknown label"),
        pytest.param(wrapped(16, ""), "js", "source 'js' has no default", id="no label at all"),
        pytest.param(wrapped(16, ""), "lost", "default of source 'lost'", id="default not there"),
    ],
)
def test_what_is_refused_says_why(envelope: Envelope, source: str, says: str) -> None:
    assert says in refusal(envelope, source)


def test_a_clear_key_opens_where_it_is_allowed() -> None:
    assert same_key(vault().open(Envelope(Scheme.CLEAR, KEY), "loose"), SoftKey(KEY))


def test_a_source_may_be_set_later() -> None:
    ring = vault()
    ring.allow("js", SourceKeys(allow_clear=True))
    ring.open(Envelope(Scheme.CLEAR, KEY), "js")


@given(
    st.sampled_from(Scheme),
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([16, 24]).flatmap(lambda n: st.binary(min_size=n, max_size=n)),
    ),
    st.one_of(st.text(max_size=20), st.just("k"), st.just("k@1"), st.just("k@9")),
    st.sampled_from(["js", *SOURCES]),
)
@example(Scheme.RFC3394, WRAPPED[16], "\n" * 100_000, "js")
def test_any_envelope_is_a_key_or_a_refusal_in_one_line(
    scheme: Scheme, data: bytes, label: str, source: str
) -> None:
    try:
        key = vault().open(Envelope(scheme, data, label), source)
    except EnvelopeRefused as error:
        said = str(error)
        assert said.isprintable() and len(said) < 600
        assert len(data) < 4 or data.hex() not in said
    else:
        assert len(key.cmac(b"")) == 16 and len(data) in (16, 24)


def test_a_label_that_is_a_key_by_mistake_is_not_repeated() -> None:
    assert KEY.hex() not in refusal(wrapped(16, KEY.hex()))


def test_no_key_is_seen_in_what_is_shown_or_pickled() -> None:
    opened = vault().open(wrapped(), "js")
    clear = Envelope(Scheme.CLEAR, KEY)
    shown = [repr(opened), str(opened), repr(clear), str(clear), f"{clear}", refusal(clear)]
    shown += [repr(vault()), repr(vault().__dict__)]
    for text in shown:
        assert KEY.hex() not in text and repr(KEY)[2:-1] not in text
    with pytest.raises(TypeError):
        pickle.dumps(opened)


# The shared vectors.


def vectors(kind: str) -> list[dict[str, Any]]:
    text = shared("reference/lorawan-vectors.json").read_text()
    return [vector for vector in json.loads(text)["vectors"] if vector["kind"] == kind]


def test_the_shared_key_envelopes() -> None:
    found = vectors("key_envelope")
    assert len(found) >= 4
    for vector in found:
        label = vector["envelope"]["KEKLabel"]
        keks = [SoftKek(label, bytes.fromhex(vector["kek"]))] if vector["kek"] else []
        ring = KekVault(KeyRing(keks), SOURCES)
        scheme = Scheme.RFC3394 if label else Scheme.CLEAR
        envelope = Envelope(scheme, bytes.fromhex(vector["envelope"]["AESKey"]), label)
        if vector["unwrap_ok"]:
            opened = ring.open(envelope, "loose")
            assert same_key(opened, SoftKey(bytes.fromhex(vector["key"]))), vector["id"]
        else:
            refusal(envelope, by=ring)


def test_the_shared_thingpark_tunnels() -> None:
    found = vectors("thingpark_tunnel")
    assert len(found) >= 2
    for vector in found:
        ring = vault(SoftKek("k", bytes.fromhex(vector["astk"])))
        sealed = Envelope(Scheme.CBC0, bytes.fromhex(vector["tunnel_app_s_key"]))
        opened = ring.open(sealed, "tunnel")
        assert same_key(opened, SoftKey(bytes.fromhex(vector["app_s_key"]))), vector["id"]
        if "payload_hex" in vector:
            address, fcnt = int(vector["dev_addr"], 16), vector["fcnt32"]
            data = bytes.fromhex(vector["payload_hex"])
            clear = crypt_payload(opened, 0, address, fcnt, data)
            assert clear.hex() == vector["frm_payload_plain"]


def test_a_pinned_envelope_opens_as_another_source_s() -> None:
    bare = wrapped(16, "")
    assert "no default" in refusal(bare, "js")
    pinned = vault().pinned(bare, "tunnel")
    assert pinned.label == "k"
    assert same_key(vault().open(pinned, "js"), SoftKey(KEY))
