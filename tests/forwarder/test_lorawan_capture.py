"""A real OTAA session on the air (LoRaTap test capture 06_Encrypted.pcap, A. Povalac, 2022)."""

from __future__ import annotations

import csv
import struct
from collections.abc import Iterator
from pathlib import Path

from forwarder.lorawan import crypto, keys
from forwarder.lorawan.frame import (
    DataFrame,
    Frame,
    FrameError,
    JoinAccept,
    JoinRequest,
    SealedJoinAccept,
    parse,
)
from forwarder.lorawan.region import REGIONS
from forwarder.sim.mac_state import MacState

from ..shared import shared

FOLDER = "data/loratap"


def payloads(pcap: Path) -> Iterator[bytes]:
    """What follows the LoRaTap header (bytes 2 and 3: its length) in every record."""
    data, at = pcap.read_bytes(), 24
    while at < len(data):
        size = struct.unpack_from("<8xI", data, at)[0]
        record = data[at + 16 : at + 16 + size]
        yield record[struct.unpack_from(">2xH", record)[0] :]
        at += 16 + size


def frames() -> list[Frame]:
    found = []
    for payload in payloads(shared(f"{FOLDER}/06_Encrypted.pcap")):
        try:
            found.append(parse(payload))
        except FrameError:
            assert len(payload) == 17 and payload[:2] == b"\0\0"  # class B beacons
    return found


def rows(name: str) -> list[list[str]]:
    lines = shared(f"{FOLDER}/{name}").read_text().splitlines()
    return list(csv.reader(line for line in lines if not line.startswith("#")))


def joins() -> tuple[bytes, list[JoinRequest], list[SealedJoinAccept]]:
    ((dev_eui, app_key),) = rows("root_keys_lorawan")
    found = frames()
    requests = [frame for frame in found if isinstance(frame, JoinRequest)]
    assert {request.dev_eui for request in requests} == {int(dev_eui, 16)}
    accepts = [frame for frame in found if isinstance(frame, SealedJoinAccept)]
    return bytes.fromhex(app_key), requests, accepts


def opened(app_key: bytes, frame: SealedJoinAccept) -> JoinAccept:
    clear, mic = crypto.open_join_accept(app_key, frame.sealed)
    crypto.check(crypto.join_accept_mic(app_key, frame.header.byte(), clear), mic)
    return JoinAccept.parse(clear)


def test_both_join_requests_and_both_join_accepts_verify() -> None:
    app_key, requests, accepts = joins()
    assert len({request.dev_nonce for request in requests}) == 2 and len(accepts) == 2
    for request in requests:
        crypto.check(crypto.cmac4(app_key, request.body()), request.mic)
    for accept in accepts:
        assert len(opened(app_key, accept).cf_list) == 16


def test_a_simulated_device_takes_the_real_channel_list() -> None:
    app_key, _, accepts = joins()
    mac = MacState(REGIONS["EU868"])
    mac.accept(opened(app_key, accepts[-1]))
    assert len(mac.enabled) == 8
    assert {mac.channels[index].freq_hz for index in range(3, 8)} == set(
        range(867_100_000, 868_000_000, 200_000)
    )


def test_the_joins_lead_to_the_published_session_keys() -> None:
    app_key, requests, accepts = joins()
    published = {int(row[0], 16): row[1:] for row in rows("session_keys_lorawan")}
    accept = opened(app_key, accepts[-1])
    derived = keys.session_1_0(app_key, accept.join_nonce, accept.net_id, requests[-1].dev_nonce)
    # The files name NwkSKey and AppSKey in this order.
    assert [derived.nwk_s_enc.hex(), derived.app_s.hex()] == published[accept.dev_addr]


def test_every_data_frame_of_the_published_sessions_verifies() -> None:
    checked = 0
    for address, nwk_s_key, _ in rows("session_keys_lorawan"):
        for frame in frames():
            if isinstance(frame, DataFrame) and frame.dev_addr == int(address, 16):
                direction = crypto.UP if frame.header.mtype.uplink else crypto.DOWN
                mic = crypto.data_mic(
                    bytes.fromhex(nwk_s_key), frame.body(), direction, frame.dev_addr, frame.fcnt
                )
                crypto.check(mic, frame.mic)
                checked += 1
    assert checked >= 10
