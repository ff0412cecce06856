"""Firmware images of the embedded controllers: which there are, how to recognise them. Pure.

They belong to Semtech and are not part of this project; a user's own copy of sx1302_hal has them
as C arrays in `.var` files. Where they are kept is `hal.firmware_store`'s business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import FirmwareError
from .registers import MEM_SIZE

# One without an end takes the rest: looking for its end again from every "/*" would take hours.
COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|//[^\n]*", re.DOTALL)
NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,8}|[1-9][0-9]{0,9}|0")
WORD_SIZE = 4  # of the SX1261's patch, which is an array of words


@dataclass(frozen=True, slots=True)
class KnownImage:
    """An image as its makers released it. `needed` is false for what only some boards use."""

    name: str
    version: int
    sha256: str
    source: str
    purpose: str
    needed: bool = False

    @property
    def file_name(self) -> str:
        return f"{self.name}-v{self.version}.bin"


AGC_SX1250 = KnownImage(
    "agc-sx1250",
    10,
    "8f612e878b946b8c7cc59a5fc27ad33bb18ab92ad6e291d873f5d6bb7daae0d4",
    "agc_fw_sx1250.var",
    "gain control with SX1250 radios",
    needed=True,
)
ARB = KnownImage(
    "arb",
    2,
    "a6f542395e29cd258917f5948d1067ab18e3cf08ce5ee250e2caa08539f80fd0",
    "arb_fw.var",
    "arbiter of the demodulators",
    needed=True,
)
AGC_SX1257 = KnownImage(
    "agc-sx1257",
    6,
    "28d05612240627fb9e61ec43eba661e96d24805e1ce62b2d800c8461d400ae66",
    "agc_fw_sx1257.var",
    "gain control with SX1255 and SX1257 radios",
)
CALIBRATION = KnownImage(
    "cal",
    1,
    "48b381021068a760d53e6366094f51e35084097f272c801ba8b47e7226d68d44",
    "cal_fw.var",
    "calibration of SX1255 and SX1257 radios",
)
SX1261_PATCH = KnownImage(
    "sx1261-pram",
    6,
    "2f1a728415a38298d07b77ebb1b54c9b9cdfe21fd830bf842d79d73f23b99074",
    "sx1261_pram.var",
    "listen before talk and spectral scan with an SX1261",
)
KNOWN = (AGC_SX1250, ARB, AGC_SX1257, CALIBRATION, SX1261_PATCH)
LARGEST = MEM_SIZE


@dataclass(frozen=True, slots=True)
class Firmware:
    """What a start needs: both controllers' programs, the SX1261's patch if it is used.

    `calibration` runs before `agc` on boards with SX1255 or SX1257 radios.
    """

    agc: bytes
    arb: bytes
    sx1261_patch: bytes | None = None
    calibration: bytes | None = None

    def __post_init__(self) -> None:
        images = (("AGC", self.agc), ("ARB", self.arb), ("calibration", self.calibration))
        for name, image in images:
            if image is not None and len(image) != MEM_SIZE:
                raise FirmwareError(
                    f"the {name} image has {len(image)} bytes; {MEM_SIZE} expected: import it again"
                )

    @classmethod
    def simulated(cls) -> Firmware:
        """For a simulated board, whose controllers run any image."""
        note = b"edgemast: a simulated controller needs no program"
        program = note.ljust(MEM_SIZE, b"\0")
        return cls(program, program, note.ljust(1544, b"\0"), program)


def recognise(image: bytes) -> KnownImage | None:
    """Which release these bytes are, or None."""
    from hashlib import sha256  # it brings OpenSSL, which a simulated board can do without

    digest = sha256(image).hexdigest()
    return next((known for known in KNOWN if known.sha256 == digest), None)


def parse_var(text: str) -> bytes:
    """The bytes of a C array; words (the SX1261's patch) become four bytes, big-endian.

    Raises FirmwareError for what is no such array.
    """
    head, opened, rest = text.partition("{")
    body, closed, _ = rest.partition("}")
    if not opened or not closed:
        raise FirmwareError("no C array: '{' and '}' expected")
    numbers = [int(word, 0) for word in _words(COMMENT.sub(" ", body))]
    size = WORD_SIZE if "uint32" in head else 1
    if not numbers or max(numbers) >> (8 * size):
        raise FirmwareError(f"numbers of {8 * size} bits expected between the braces")
    return b"".join(number.to_bytes(size, "big") for number in numbers)


def _words(body: str) -> list[str]:
    words = [word.strip() for word in body.split(",")]
    if words and not words[-1]:
        words.pop()  # a comma after the last number
    for word in words:
        if not NUMBER.fullmatch(word):
            raise FirmwareError(f"{word[:20]!r} stands among the numbers of the array")
    return words
