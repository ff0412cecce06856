"""One receiver, whatever it speaks: bytes in, reports out, and what to write to it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from . import gpsd, nmea, ubx
from .stream import Splitter
from .ubx import UbxFrame
from .values import Fix, GpsSecond, NoFix, NoTime, Report, UtcSecond

# Sentences with a time after a NAV-TIMEGPS that are not listened to: two seconds of RMC and ZDA,
# four of RMC alone, which is less than a reference may be old.
UBX_RULES = 4


class Kind(Enum):
    """How to talk to a receiver; the value is what a configuration says."""

    AUTO = "auto"  # asked for UBX; whatever comes is taken
    UBLOX = "ublox"  # asked for UBX; the time only from it
    NMEA = "nmea"  # never written to
    GPSD = "gpsd"


class Receiver:
    """The reports of one connection; make a new one for the next."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._stream = Splitter()
        self._lines = gpsd.GpsdLines()
        self._ubx_holds = 0  # sentences for which UBX is still believed to be there
        self._fixed = False  # as the last sentence that knows it said
        self.protocol = ""  # where the time came from last: "UBX", "NMEA" or "gpsd"

    def hello(self) -> bytes:
        """What to send when the connection is open."""
        if self.kind is Kind.GPSD:
            return gpsd.WATCH
        return b"" if self.kind is Kind.NMEA else ubx.every_epoch(ubx.NAV_TIMEGPS)

    @property
    def wants_asking(self) -> bool:
        """Whether `hello` is to be sent, again if it was: a u-blox that does not speak UBX yet."""
        return self.kind is not Kind.NMEA and not self._ubx_holds

    def feed(self, data: bytes) -> list[Report]:
        """What these bytes tell, in order."""
        return [self._noted(report, spoken) for report, spoken in self._reports(data)]

    @property
    def damaged(self) -> int:
        """Messages that were cut off or had a wrong checksum."""
        return self._stream.damaged + self._lines.damaged

    def gap(self) -> None:
        """The line was silent for longer than within a message."""
        self._stream.forget()

    def _reports(self, data: bytes) -> Iterator[tuple[Report, str]]:
        if self.kind is Kind.GPSD:
            for line in self._lines.feed(data):
                yield from ((report, "gpsd") for report in gpsd.reports(line))
            return
        for message in self._stream.feed(data):
            if isinstance(message, UbxFrame):
                yield from ((report, "UBX") for report in self._ubx(message))
            else:
                yield from ((report, "NMEA") for report in self._nmea(message))

    def _ubx(self, frame: UbxFrame) -> list[Report]:
        report = None if self.kind is Kind.NMEA else ubx.time_gps(frame)
        if report is None:
            return []
        self._ubx_holds = UBX_RULES
        return [report]

    def _nmea(self, fields: list[str]) -> list[Report]:
        """A u-blox tells UTC too; its own GPS time is better and must not be contradicted."""
        found = nmea.reports(fields)
        if any(isinstance(one, UtcSecond | NoTime) for one in found):
            self._ubx_holds = max(0, self._ubx_holds - 1)
        for one in found:
            if isinstance(one, Fix | NoFix):
                self._fixed = isinstance(one, Fix)
        if self._ubx_holds or self.kind is Kind.UBLOX:
            return [one for one in found if not isinstance(one, UtcSecond | NoTime)]
        return [one for one in found if self._fixed or not isinstance(one, UtcSecond)]

    def _noted(self, report: Report, spoken: str) -> Report:
        if isinstance(report, GpsSecond | UtcSecond):
            self.protocol = spoken
        return report
