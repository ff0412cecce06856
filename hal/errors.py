"""What can go wrong with a concentrator, by who failed.

    HalError
    ├── TransportError      the bus: a transfer failed, timed out, or the device is gone
    │   └── DeviceBusy      another process holds the device; says which
    ├── ChipError           the bus works and the chip did not do what it must
    │   └── StartError      one named step failed: step, expected, read, likely causes
    ├── FirmwareError       an image is missing, damaged or unknown
    └── TxRefused           this frame cannot be sent; the reason is a TxRefusal

Damage in what was received is data (`sx1302.rx_record.Damage`), never an exception. A wrong
argument from the caller is a ValueError.
"""

from __future__ import annotations

from enum import Enum


class HalError(Exception):
    """Anything that hardware did; catch this to keep a program alive."""


class TransportError(HalError):
    """A transfer failed. After one of these nothing is known about what the chip received."""


class DeviceBusy(TransportError):
    """Another process holds the device; the message names it."""


class ChipError(HalError):
    """The bus works, and the chip answered what it must not."""


class StartError(ChipError):
    """A step of the start-up failed; `str()` is the whole story for an operator."""

    def __init__(self, step: str, expected: str, read: str, causes: tuple[str, ...] = ()) -> None:
        self.step = step
        self.expected = expected
        self.read = read
        self.causes = causes
        text = f"start-up failed at '{step}': expected {expected}, read {read}"
        if causes:
            text += "; likely: " + "; or ".join(causes)
        super().__init__(text)


class FirmwareError(HalError):
    """A firmware image is missing, damaged or of an unknown version."""


class TxRefusal(Enum):
    """Why a frame cannot be sent by this concentrator, ever or now."""

    FREQ = "frequency outside the range of the RF chain"
    POWER = "less power asked than the lowest entry of the gain table"
    CHAIN = "the RF chain does not transmit"
    MODULATION = "the modem cannot send this modulation"
    SIZE = "payload of 1 to 255 bytes expected"
    BUSY = "a frame is on the air"
    LATE = "the start time has passed"
    LBT = "listen before talk found the channel busy, or does not know the channel"


class TxRefused(HalError):
    """The frame was not programmed."""

    def __init__(self, reason: TxRefusal, detail: str = "") -> None:
        self.reason = reason
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
