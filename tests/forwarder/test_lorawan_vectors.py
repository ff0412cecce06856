"""The 52 shared vectors (each agreed by two implementations), by hand-over to the real functions.

The command's `--json` is checked too, since that is what others read.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from forwarder.__main__ import main
from forwarder.lorawan import crypto, keys
from forwarder.lorawan.counter import reconstruct
from forwarder.lorawan.frame import JoinAccept, SealedJoinAccept, parse

from ..shared import SHARED, shared

PATH = "reference/lorawan-vectors.json"
FLAGS = {
    "nwk_s_key": "--nwkskey",
    "app_s_key": "--appskey",
    "f_nwk_s_int_key": "--fnwksintkey",
    "s_nwk_s_int_key": "--snwksintkey",
    "nwk_s_enc_key": "--nwksenckey",
    "app_key": "--appkey",
    "nwk_key": "--nwkkey",
    "js_int_key": "--jsintkey",
}
FACTS = {
    "conf_fcnt": "--conf-fcnt",
    "tx_dr": "--tx-dr",
    "tx_ch": "--tx-ch",
    "dev_nonce": "--dev-nonce",
    "join_eui": "--join-eui",
    "dev_eui": "--dev-eui",
    "join_req_type": "--join-req-type",
}
# Of the vectors themselves, of how a MIC is made, or secret (told only when asked).
UNTOLD = {"id", "name", "kind", "checked_by", "note", "note_low16", "keys", "mc_key", "derived"}
UNTOLD |= {"b0", "b1", "conf_fcnt", "conf_fcnt_used", "tx_dr", "tx_ch", "mic_with_16bit_counter"}
Vector = dict[str, Any]


def vectors(*kinds: str) -> list[Any]:
    if not (SHARED / PATH).exists():
        return [pytest.param(None, id="absent")]
    found = json.loads((SHARED / PATH).read_text())["vectors"]
    return [pytest.param(v, id=v["id"]) for v in found if v["kind"] in kinds]


@pytest.fixture(autouse=True)
def _needs_the_shared_vectors() -> None:
    shared(PATH)


def explained(vector: Vector, capsys: pytest.CaptureFixture[str], *more: str) -> Vector:
    arguments = ["frame", vector["phy_payload"], "--json", *more]
    for name, key in vector["keys"].items():
        if name in FLAGS:
            arguments += [FLAGS[name], key]
    for name, flag in FACTS.items():
        if name in vector:
            arguments += [flag, str(vector[name])]
    if "fcnt32" in vector:
        arguments += ["--fcnt", str(vector["fcnt32"])]
    assert main(arguments) == 0
    output = capsys.readouterr().out
    if not more:
        assert not any(key in output for key in vector["keys"].values())
    told: Vector = json.loads(output)
    return told


@pytest.mark.parametrize("vector", vectors("data", "join_request", "rejoin_request", "join_accept"))
def test_the_command_tells_every_field_of_a_vector(
    vector: Vector, capsys: pytest.CaptureFixture[str]
) -> None:
    told = explained(vector, capsys)
    for name in set(vector) - UNTOLD:
        assert told[name] == vector[name], name


@pytest.mark.parametrize("vector", vectors("join_accept"))
def test_derived_keys_come_out_only_when_asked(
    vector: Vector, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "derived" not in explained(vector, capsys)
    told = explained(vector, capsys, "--show-derived-keys")
    assert told["derived"] == vector["derived"]


@pytest.mark.parametrize("vector", vectors("join_accept"))
def test_a_join_accept_seals_to_the_same_bytes(vector: Vector) -> None:
    frame = parse(bytes.fromhex(vector["phy_payload"]))
    assert isinstance(frame, SealedJoinAccept)
    clear = bytes.fromhex(vector["phy_clear"])
    accept = JoinAccept.parse(clear[1:-4])
    assert accept.encode() == clear[1:-4]
    key = bytes.fromhex(vector["keys"].get("enc_key") or vector["keys"]["app_key"])
    assert crypto.seal_join_accept(key, accept.encode(), clear[-4:]) == frame.sealed


@pytest.mark.parametrize("vector", vectors("key_envelope"))
def test_key_envelopes_open_or_say_that_they_do_not(vector: Vector) -> None:
    wrapped = bytes.fromhex(vector["envelope"]["AESKey"])
    if vector["kek"] is None:
        assert wrapped.hex() == vector["key"]
    elif vector["unwrap_ok"]:
        kek = bytes.fromhex(vector["kek"])
        assert keys.unwrap(kek, wrapped).hex() == vector["key"]
        assert keys.wrap(kek, bytes.fromhex(vector["key"])) == wrapped
    else:
        with pytest.raises(keys.EnvelopeError):
            keys.unwrap(bytes.fromhex(vector["kek"]), wrapped)


@pytest.mark.parametrize("vector", vectors("thingpark_tunnel"))
def test_a_tunnelled_app_s_key_opens(vector: Vector) -> None:
    astk, tunnelled = bytes.fromhex(vector["astk"]), bytes.fromhex(vector["tunnel_app_s_key"])
    key = keys.open_tunnel_app_s_key(astk, tunnelled)
    assert key.hex() == vector["app_s_key"]
    if "payload_hex" in vector:
        address, data = int(vector["dev_addr"], 16), bytes.fromhex(vector["payload_hex"])
        clear = crypto.crypt_payload(key, crypto.UP, address, vector["fcnt32"], data)
        assert clear.hex() == vector["frm_payload_plain"]


@pytest.mark.parametrize("vector", vectors("multicast_keys"))
def test_multicast_keys_grow_from_their_root(vector: Vector) -> None:
    given = {name: bytes.fromhex(key) for name, key in vector["keys"].items()}
    root = keys.mc_root_key(**given)
    assert root.hex() == vector["mc_root_key"]
    ke_key = keys.mc_ke_key(root)
    assert ke_key.hex() == vector["mc_ke_key"]
    mc_key = bytes.fromhex(vector["mc_key"])
    assert keys.mc_key_encrypted(ke_key, mc_key).hex() == vector["mc_key_encrypted"]
    session = keys.mc_session(mc_key, int(vector["mc_addr"], 16))
    assert session.app_s.hex() == vector["mc_app_s_key"]
    assert session.nwk_s_enc.hex() == vector["mc_nwk_s_key"]


@pytest.mark.parametrize("vector", vectors("ping_offset"))
def test_ping_offsets(vector: Vector) -> None:
    address = int(vector["dev_addr"], 16)
    offset = crypto.ping_offset(vector["beacon_time"], address, vector["ping_period"])
    assert offset == vector["ping_offset"]


@pytest.mark.parametrize("vector", vectors("collision"))
def test_one_of_four_sessions_with_one_address_verifies(
    vector: Vector, capsys: pytest.CaptureFixture[str]
) -> None:
    matching = []
    for index, session in enumerate(vector["sessions"]):
        full = reconstruct(session["last_fcnt"], vector["fcnt16"]).full
        mine = {**vector, "keys": session["keys"], "fcnt32": full}
        if explained(mine, capsys)["mic_ok"]:
            matching.append(index)
    assert matching == [vector["match"]]


@pytest.mark.parametrize("vector", vectors("fcnt"))
def test_counters_are_reconstructed(vector: Vector) -> None:
    for row in vector["rows"]:
        candidate = reconstruct(row["last"], row["wire16"])
        assert (candidate.full, candidate.step.value, candidate.gap) == (
            row["full"],
            row["cls"],
            row["gap"],
        )


@pytest.mark.parametrize("vector", vectors("backend_exchange"))
def test_backend_messages_carry_the_keys_of_the_session(vector: Vector) -> None:
    answer = vector["join_ans"]
    for name, wanted in (("NwkSKey", "nwk_s_key"), ("AppSKey", "app_s_key")):
        envelope = answer[name]
        kek = bytes.fromhex(vector["keks"][envelope["KEKLabel"]])
        assert keys.unwrap(kek, bytes.fromhex(envelope["AESKey"])).hex() == vector[wanted]
    again = vector["app_s_key_ans"]["AppSKey"]
    kek = bytes.fromhex(vector["keks"][again["KEKLabel"]])
    assert keys.unwrap(kek, bytes.fromhex(again["AESKey"])).hex() == vector["app_s_key"]
