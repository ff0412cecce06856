"""What the two embedded controllers, AGC and ARB, have in common: loading, waiting, checking.

Source: sx1302_hal: sx1302_agc_load_firmware, sx1302_arb_load_firmware, sx1302_agc_wait_status.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..clock import Clock
from ..transport.base import Op, Read, Write
from .chip import Sx1302, Unexpected, field_ops
from .field import Field
from .registers import AGC_MEM, ARB_MEM, MEM_SIZE, AgcMcu, ArbMcu, Common

CHUNK = 4096  # the most that the USB bridge carries in one request
HANDSHAKE_TIMEOUT_S = 1.0  # the MCUs answer within microseconds; Semtech's library waits for ever
POLL_S = 0.001


@dataclass(frozen=True, slots=True)
class Mcu:
    """One controller: where its program goes and which registers hold and watch it."""

    name: str
    memory: int
    control: type[AgcMcu] | type[ArbMcu]


AGC = Mcu("AGC", AGC_MEM, AgcMcu)
ARB = Mcu("ARB", ARB_MEM, ArbMcu)


def load(chip: Sx1302, mcu: Mcu, image: bytes) -> None:
    """Write a program of 8192 bytes, compare it, and let the MCU run.

    Raises Unexpected when it reads back otherwise or the MCU reports a parity error.
    """
    control = mcu.control
    chip.transfer(
        [
            *field_ops(control.MCU_CLEAR, 1),
            *field_ops(control.HOST_PROG, 1),
            *field_ops(Common.PAGE, 0),
        ]
    )
    chip.transfer([Write(mcu.memory + at, image[at : at + CHUNK]) for at in _chunks()])
    found = b"".join(chip.transfer([Read(mcu.memory + at, CHUNK) for at in _chunks()]))
    if found != image:
        raise _mismatch(mcu, image, found)
    *_, status = chip.transfer(
        [
            *field_ops(control.HOST_PROG, 0),
            *field_ops(control.MCU_CLEAR, 0),
            Read(control.PARITY_ERROR.address, 1),
        ]
    )
    if control.PARITY_ERROR.extract(status):
        raise Unexpected(
            f"no parity error from the {mcu.name} MCU",
            f"control byte 0x{status.hex()}",
            "the firmware image is damaged: import it again",
            "the bus flips bits: lower its speed, check wiring and supply",
        )


def exchange(
    chip: Sx1302,
    clock: Clock,
    mcu: Mcu,
    ops: Sequence[Op],
    status: int,
    read: Field,
    what: str,
    *,
    timeout_s: float = HANDSHAKE_TIMEOUT_S,
) -> bytes:
    """Do `ops`, wait until the MCU's status is `status`, and give the bytes of `read` then.

    Normally one transfer. Raises Unexpected after `timeout_s`.
    """
    look = (Read(mcu.control.STATUS.address, 1), Read(read.address, read.size))
    deadline_ns = clock.now_ns() + round(timeout_s * 1e9)
    *_, found, data = chip.transfer([*ops, *look])
    while found[0] != status:
        if clock.now_ns() >= deadline_ns:
            raise Unexpected(
                f"{mcu.name} status {status:#04x} {what} within {timeout_s:g} s",
                f"{found[0]:#04x}",
                "the firmware does not run: wrong image for this radio",
                "the radio that clocks the chip gives no clock (clksrc)",
            )
        clock.sleep(POLL_S)
        found, data = chip.transfer(look)
    return data


def _chunks() -> range:
    return range(0, MEM_SIZE, CHUNK)


def _mismatch(mcu: Mcu, image: bytes, found: bytes) -> Unexpected:
    wrong = [at for at in range(MEM_SIZE) if found[at] != image[at]]
    at = wrong[0]
    return Unexpected(
        f"the {mcu.name} firmware as it was written (byte {at} is {image[at]:#04x})",
        f"{found[at]:#04x}, and {len(wrong)} of {MEM_SIZE} bytes differ",
        "the bus flips bits: lower its speed, check wiring and supply",
    )
