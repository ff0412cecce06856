"""What may come from a ChirpStack behind a broker: any bytes as any command, in both versions."""

from __future__ import annotations

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from forwarder.links.chirpstack import gw_pb2, gw_v3_pb2
from forwarder.links.chirpstack.context import pack
from forwarder.links.mqtt.dialect import ChannelPlanPushed, Dialect, DownlinkRequest, Unreadable
from forwarder.packets import Accepted, Answer, Downlink
from forwarder.scheduling.downlinks import Scheduler
from tests.forwarder.chirpstack_makers import SESSION, v3, v4
from tests.forwarder.semtech_makers import EUI, GATEWAY
from tests.hal.configs import EU868

from .inputs import Taker, as_json, mutated

NOW_US = (2 << 32) + 5
MESSAGE = 500  # characters; more than that no operator reads
COMMANDS = ("down", "config", "exec", "raw")
CONTEXT = pack(NOW_US - 500_000, SESSION)


def _v4_down() -> Message:
    made = gw_pb2.DownlinkFrame(gateway_id=EUI, downlink_id=77)
    for _ in range(2):
        tx_info = made.items.add(phy_payload=b"\x60down").tx_info
        tx_info.frequency, tx_info.power, tx_info.context = 868_100_000, 14, CONTEXT
        tx_info.timing.delay.delay.seconds = 1
        lora = tx_info.modulation.lora
        lora.bandwidth, lora.spreading_factor, lora.code_rate = 125_000, 9, gw_pb2.CR_4_5
    return made


def _v3_down() -> Message:
    made = gw_v3_pb2.DownlinkFrame(gateway_id=GATEWAY, downlink_id=bytes(16), token=77)
    tx_info = made.items.add(phy_payload=b"\x60down").tx_info
    tx_info.frequency, tx_info.power, tx_info.context = 868_100_000, 14, CONTEXT
    tx_info.timing, tx_info.delay_timing_info.delay.seconds = gw_v3_pb2.DELAY, 1
    lora = tx_info.lora_modulation_info
    lora.bandwidth, lora.spreading_factor, lora.code_rate = 125, 9, "4/5"
    return made


def _plan(plan: gw_pb2.GatewayConfiguration | gw_v3_pb2.GatewayConfiguration) -> Message:
    plan.version = "v1"
    channel = plan.channels.add(frequency=868_100_000).lora_modulation_config
    channel.bandwidth = 125_000
    channel.spreading_factors.extend((7, 8, 9))
    return plan


VERSIONS: tuple[tuple[Dialect, str, tuple[Message, Message]], ...] = (
    (v4(), "eu868/gateway", (_v4_down(), _plan(gw_pb2.GatewayConfiguration()))),
    (v3(), "gateway", (_v3_down(), _plan(gw_v3_pb2.GatewayConfiguration()))),
)


def fuzz_chirpstack(data: bytes) -> None:
    """Whatever comes is read without raising, and each item of a downlink has one answer."""
    take = Taker(data)
    dialect, start, seeds = take.of(VERSIONS)
    command = take.of(COMMANDS)
    seed = seeds[command == "config"]
    match take.byte() % 3:
        case 0:
            payload = take.rest()
        case 1:
            payload = as_json(mutated(MessageToDict(seed), take))
        case _:
            payload = _damaged(seed.SerializeToString(), take)
    found = dialect.read(f"{start}/{EUI}/command/{command}", payload, now_us=NOW_US)
    match found:
        case Unreadable():
            assert 0 < len(found.detail) < MESSAGE
        case ChannelPlanPushed():
            assert len(found.multi_sf_hz) <= 8 and len(found.fault) < MESSAGE
        case DownlinkRequest():
            check_request(dialect, found)


def _damaged(base: bytes, take: Taker) -> bytes:
    """Up to eight stretches of `base` replaced, removed or added."""
    for _ in range(8):
        if not take.left:
            break
        at, size = take.word() % (len(base) + 1), take.byte() % 8
        base = base[:at] + take.octets(take.byte() % 8) + base[at + size :]
    return base


def check_request(dialect: Dialect, request: DownlinkRequest) -> None:
    scheduler = Scheduler(EU868, antenna_gain_db=2.0)
    answers: list[Answer | None] = []
    for item in request.items:
        if isinstance(item, Downlink):
            assert 1 <= len(item.payload) <= 255 and item.preamble != 0
            answers.append(scheduler.schedule(item, NOW_US))
        else:
            assert 0 < len(item.detail) < MESSAGE
            answers.append(item)
        if isinstance(answers[-1], Accepted):
            break
    message = dialect.answer(request, answers)
    assert message is not None and message.topic.endswith("/event/ack")
