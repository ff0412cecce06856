"""Power-on to receiving, as a list of named steps.

The order and the values are those of sx1302_hal's lgw_start; what is new is that both radios are
reset, calibrated and set up side by side, that what needs no pause goes in one transfer, and that
the SX1261 comes before the AGC, which is told whether somebody listens.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..clock import Clock
from ..config import ConcentratorConfig, FineTimestamp, RadioKind
from ..errors import StartError, TransportError
from ..radio import sx1250
from ..transport.base import Op, Read, Write
from . import agc, arbiter, channelizer, lbt, mcu, modems, radios, scan
from .chip import Setting, Sx1302, Unexpected, one_by_one, settings_ops
from .firmware import Firmware
from .registers import TX_TOP, Common, Gpio, Otp, Timestamp

log = logging.getLogger(__name__)

CONFIG_DONE = 1  # GPIO 0, the board's LED
KNOWN_VERSIONS = (0x10, 0x12)  # SX1302 and SX1303
MODEL_ADDRESS = 0xD0  # in the OTP; the EUI stands at 0 to 7
MODELS = {0x00: "SX1302", 0x02: "SX1302", 0x03: "SX1303"}
GPIO_SELECT = (
    (Gpio.SEL_0_SELECTION, 0),
    (Gpio.SEL_1_SELECTION, 0),
    (Gpio.SEL_2_SELECTION, 9),  # TX on
    (Gpio.SEL_3_SELECTION, 0),
    (Gpio.SEL_4_SELECTION, 9),  # RX on
    (Gpio.SEL_5_SELECTION, 0),
    (Gpio.SEL_6_SELECTION, 0),
    (Gpio.SEL_7_SELECTION, 1),  # the SX1261's verdict, to the AGC
    (Gpio.DIR_L_DIRECTION, 0x7F),
)


@dataclass(slots=True)
class Bench:
    """What the steps work on."""

    chip: Sx1302
    clock: Clock
    config: ConcentratorConfig
    firmware: Firmware
    eui: str = ""
    model: str = ""
    sx1261_fault: str = ""  # why there is no listening radio, where one was asked for


def faults(config: ConcentratorConfig) -> list[str]:
    """Every reason why this driver cannot run `config`, beyond those of `validate`."""
    found = [*config.validate(), *lbt.faults(config), *scan.faults(config)]
    for index, radio in enumerate(config.radios):
        if not radio.enable:
            continue
        if radio.kind is RadioKind.SX1250 and sx1250.image_band(radio.freq_hz) is None:
            found.append(
                f"radio_{index}.freq is {radio.freq_hz} Hz, where an SX1250 cannot be calibrated"
            )
    return found


def identify(bench: Bench) -> None:
    """Is this a concentrator, and does the bus work?"""
    version = bench.chip.read(Common.VERSION)
    if version in KNOWN_VERSIONS:
        return
    expected = "version 0x10 (SX1302) or 0x12 (SX1303)"
    if version == 0x00:
        raise Unexpected(
            expected,
            "0x00, which is silence",
            "the chip is held in reset or has no power (check the reset and power-enable pins)",
            "wrong chip select",
        )
    if version == 0xFF:
        raise Unexpected(
            expected,
            "0xff, which is a bus that nobody drives",
            "SPI is off or this is the wrong device",
            "no concentrator is fitted",
        )
    if version >> 4 != 1:
        raise Unexpected(
            expected,
            f"{version:#04x}, which is no SX1302",
            "the bus is too fast or badly wired",
            "another chip answers",
        )
    log.warning("unknown chip version %#04x; going on as with an SX1302", version)


def outputs_off(bench: Bench) -> None:
    bench.chip.write(Gpio.OUT_L_OUT_VALUE, 0)


def calibrate_radios(bench: Bench) -> None:
    bench.config = radios.calibrate(bench.chip, bench.clock, bench.config, bench.firmware)


def set_up_radios(bench: Bench) -> None:
    radios.set_up(bench.chip, bench.clock, bench.config)


def identity(bench: Bench) -> None:
    """EUI and model; an SX1302 that was asked for fine timestamps goes on without them."""
    bench.eui, bench.model = read_identity(bench.chip)
    if bench.model != "SX1303" and bench.config.fine_timestamp is not FineTimestamp.OFF:
        log.warning("this is an %s, which has no fine timestamps; going on without", bench.model)
        bench.config = replace(bench.config, fine_timestamp=FineTimestamp.OFF)


def base(bench: Bench) -> None:
    """Timestamp mode and pins."""
    bench.chip.apply((*modems.timestamps(bench.config.fine_timestamp), *GPIO_SELECT))


def channels(bench: Bench) -> None:
    """Everything between the radios' samples and the demodulators."""
    config = bench.config
    bench.chip.apply(
        (
            *channelizer.pa_lna_lut(config),
            *channelizer.front_end(),
            *channelizer.channelizer(config),
            *channelizer.channel_gain(),
            *channelizer.correlators(config),
        )
    )


def demodulators(bench: Bench) -> None:
    config = bench.config
    freq_hz = config.radios[0].freq_hz or config.radios[config.clock_source].freq_hz
    settings = [*modems.multi_sf(freq_hz)]
    if config.lora_std.enable:
        settings += modems.service(config.lora_std, freq_hz)
    if config.fsk.enable:
        settings += modems.fsk(config.fsk)
    settings += modems.sync_words(config)
    bench.chip.transfer([*settings_ops(settings), *one_by_one(modems.enables())])


def listener(bench: Bench) -> None:
    """The SX1261, where listening or scanning is asked for. Reception does without it."""
    if bench.config.sx1261 is None:
        return
    try:
        lbt.set_up(bench.chip, bench.clock, bench.config, bench.firmware)
    except Unexpected as error:
        bench.sx1261_fault = f"{error}; likely: " + "; or ".join(error.causes)
    except TransportError as error:
        bench.sx1261_fault = str(error)
        bench.chip.read(Common.VERSION)  # raises where more is lost than that radio
    if bench.sx1261_fault:
        log.warning("the SX1261 does not work, going on without it: %s", bench.sx1261_fault)


def start_agc(bench: Bench) -> None:
    mcu.load(bench.chip, mcu.AGC, bench.firmware.agc)
    # Without a listening radio its verdict line floats: the AGC must not look at it.
    listens = lbt.wanted(bench.config) and not bench.sx1261_fault
    config = bench.config
    agc.start(
        bench.chip,
        bench.clock,
        lbt=listens,
        sx1250=config.sx1250,
        full_duplex=config.full_duplex,
    )


def start_arbiter(bench: Bench) -> None:
    mcu.load(bench.chip, mcu.ARB, bench.firmware.arb)
    arbiter.start(bench.chip, bench.clock, bench.config.fine_timestamp)


def transmit_path(bench: Bench) -> None:
    """The radios behind both chains; then the capture of the PPS edge, if there is one or not."""
    settings: list[Setting] = []
    for tx in TX_TOP:
        if bench.config.sx1250:
            settings.append((tx.PLL_DIV_CTRL_AGC, 1))
        settings.append((tx.TX_IF_DST, int(bench.config.sx1250)))
        settings += [(tx.TX_MODE, 1), (tx.TX_CLK_EDGE, 0)]
    settings += [(Timestamp.GPS_EN, 1), (Timestamp.GPS_POL, 1)]
    bench.chip.apply(settings)


def done(bench: Bench) -> None:
    bench.chip.write(Gpio.OUT_L_OUT_VALUE, CONFIG_DONE)


Step = tuple[str, Callable[[Bench], None]]

STEPS: tuple[Step, ...] = (
    ("identify the chip", identify),
    ("switch outputs off", outputs_off),
    ("calibrate the radios", calibrate_radios),
    ("set up the radios", set_up_radios),
    ("read EUI and model", identity),
    ("set timestamps and pins", base),
    ("set up the channels", channels),
    ("set up the demodulators", demodulators),
    ("set up the SX1261", listener),
    ("start the AGC firmware", start_agc),
    ("start the ARB firmware", start_arbiter),
    ("set up the transmit path", transmit_path),
    ("say that configuration is done", done),
)


def run(bench: Bench) -> None:
    """Do all steps in order. Raises StartError with the name of the one that failed."""
    for name, step in STEPS:
        log.debug("start-up: %s", name)
        try:
            step(bench)
        except Unexpected as error:
            raise StartError(name, error.expected, error.read, error.causes) from error


def read_otp(chip: Sx1302, addresses: Sequence[int]) -> bytes:
    """Bytes of the one-time programmable memory."""
    ops: list[Op] = []
    for address in addresses:
        ops += [Write(Otp.BYTE_ADDR.address, bytes((address,))), Read(Otp.RD_DATA.address, 1)]
    return b"".join(chip.transfer(ops))


def read_identity(chip: Sx1302) -> tuple[str, str]:
    """EUI (16 lower-case hex digits) and model."""
    data = read_otp(chip, (MODEL_ADDRESS, *range(8)))
    model = MODELS.get(data[0])
    if model is None:
        log.warning("unknown chip model %#04x; going on as with an SX1302", data[0])
    return data[1:].hex(), model or "SX1302"
