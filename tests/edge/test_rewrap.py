"""What is taken from documents that anybody may send."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forwarder.edge.errors import EdgeError, EnvelopeRefused
from forwarder.edge.frame_crypto import same_key
from forwarder.edge.keks import KeyRing, SoftKek
from forwarder.edge.keys import SoftKey
from forwarder.edge.provisioning import Padding, decode_blob, decrypt_kek
from forwarder.edge.rewrap import KEY_NAMES, Rewrapper, Session
from forwarder.edge.sources.session_body import parse_push
from forwarder.edge.vault import KekVault

from .envelopes import KEKS, KEY, WRAPPED

EUI = "fd4706f1288e96a0"
GATEWAY = SoftKek("gateway-7", KEKS[32])
REWRAPPER = Rewrapper(
    KeyRing([SoftKek("k", KEKS[16]), SoftKek("k", bytes(24), 2)]), GATEWAY, allow_clear=True
)
ENVELOPE = {"KEKLabel": "k", "AESKey": WRAPPED[16].hex()}

names = [name for group in KEY_NAMES.values() for name in group]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
documents = st.dictionaries(
    st.sampled_from(
        [*names, "DevEUI", "DevAddr", "SessionKeyID", "Lifetime", "AESKey", "KEKLabel"]
    ),
    anything | st.just(ENVELOPE) | st.just(EUI),
)


@given(documents | anything, st.sampled_from([Session(), Session(EUI), Session(EUI, "x", "y")]))
@example({"AppSKey": ENVELOPE}, Session(EUI))
@example({"SNwkSIntKey": ENVELOPE}, Session(EUI))
@example({"AESKey": "\u0661" * 32}, Session(EUI))
def test_any_document_becomes_a_push_that_is_taken_or_an_error_in_words(
    document: object, session: Session
) -> None:
    try:
        body = REWRAPPER.body(json.dumps(document).encode(), session)
    except EdgeError as error:
        assert KEY.hex() not in str(error)
    else:
        assert KEY not in body and KEY.hex().encode() not in body
        parse_push(body, "push")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_document_or_an_error_in_words(data: bytes) -> None:
    with pytest.raises(EdgeError):
        REWRAPPER.body(data, Session(EUI))


def test_all_keys_of_a_1_1_session_go_along() -> None:
    keys = {"FNwkSIntKey": ENVELOPE, "SNwkSIntKey": ENVELOPE, "NwkSEncKey": ENVELOPE}
    document = {**keys, "AppSKey": ENVELOPE, "DevEUI": EUI, "Lifetime": 86400}
    news = parse_push(REWRAPPER.body(json.dumps(document).encode(), Session()), "push")
    vault = KekVault(KeyRing([GATEWAY]))
    assert news.lorawan_1_1 and news.lifetime_s == 86400
    for envelope in (news.app_s_key, news.f_nwk_s_int, news.s_nwk_s_int, news.nwk_s_enc):
        assert envelope is not None
        assert same_key(vault.open(envelope, "push"), SoftKey(KEY))


@pytest.mark.parametrize(("name", "lorawan_1_1"), [("NwkSKey", False), ("FNwkSIntKey", True)])
def test_the_name_of_the_network_key_tells_the_version(name: str, lorawan_1_1: bool) -> None:
    document = json.dumps({name: ENVELOPE, "DevEUI": EUI}).encode()
    news = parse_push(REWRAPPER.body(document, Session()), "push")
    assert news.f_nwk_s_int is not None and news.lorawan_1_1 is lorawan_1_1


def test_a_clear_key_is_wrapped_where_that_is_allowed_and_only_there() -> None:
    document = json.dumps({"AESKey": KEY.hex()}).encode()
    news = parse_push(REWRAPPER.body(document, Session(EUI)), "push")
    assert news.app_s_key is not None and news.app_s_key.label == "gateway-7"
    with pytest.raises(EnvelopeRefused, match="--allow-clear"):
        Rewrapper(KeyRing(), GATEWAY).body(document, Session(EUI))


@given(st.binary(max_size=400), st.sampled_from(Padding))
def test_any_bytes_for_a_blob_or_a_private_key_are_an_error_in_words(
    data: bytes, padding: Padding
) -> None:
    decode_blob(data)
    with pytest.raises(EdgeError):
        decrypt_kek(data, bytes(256), padding)
