"""The chip itself: the real driver, step by step, so that the step that fails names the cause.

One `Session` is one look at one board: its methods are checks, called in order, each only when the
one before went well. A mark is written before the reset: if it is still there afterwards, the
reset line goes somewhere else.
"""

from __future__ import annotations

from collections.abc import Callable

from hal.config import ConcentratorConfig
from hal.errors import FirmwareError, HalError
from hal.firmware_store import load_for
from hal.radio import sx1261
from hal.sx1302 import bringup, health, lbt, radios
from hal.sx1302.chip import Sx1302, Unexpected
from hal.sx1302.clockwork import COUNTER_OPS, Clockwork
from hal.sx1302.firmware import Firmware
from hal.sx1302.registers import Common, RxTop, Timestamp
from hal.transport.base import Target, Transport

from .case import Case
from .values import Finding, Verdict, fail, ok, skipped, warn

MARK = 1  # into a register that is 0 after a reset and that nothing depends on yet
HOLD_S = 0.1
COUNTED_S = 0.05
PPS_S = 1.1
PLAUSIBLE_C = (-40.0, 85.0)


class Session:
    """`open_radio` gives the transport; `board` is what to tell people to look up."""

    def __init__(
        self, case: Case, config: ConcentratorConfig, open_radio: Callable[[], Transport]
    ) -> None:
        self._case = case
        self._config = config
        self._open = open_radio
        self._transport: Transport | None = None
        self._firmware: Firmware | None = None
        self._bench: bringup.Bench | None = None

    @property
    def sx1250(self) -> bool:
        """Whether the radios calibrate themselves."""
        return self._config.sx1250

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # The checks, in order.

    def opens(self) -> Finding:
        try:
            self._transport = self._open()
        except HalError as error:
            return fail(
                str(error),
                "the device to open, and a bridge to answer on USB",
                "the bridge hangs: unplug the board, wait a second, plug it in",
                "this is another serial device",
                next="ls -l /dev/serial/by-id /dev/spidev*",
            )
        return ok(f"{self._transport.uri} is open")

    def reset(self) -> Finding:
        """Pulse the lines, and see whether the chip noticed."""
        chip = Sx1302(self._board)
        try:
            marked = self._mark(chip)
            self._board.reset(HOLD_S)
            left = marked and chip.read(Common.PAGE) == MARK
        except HalError as error:
            return fail(
                str(error),
                "the board's lines to go up and down",
                "another program holds a line",
                "the device was unplugged",
                next="gpioinfo | grep -w used",
            )
        if left:
            return self._not_reset()
        if marked:
            return ok("a mark in the chip was gone after the reset: the line reaches it")
        return ok("the lines were pulsed; the chip had not answered before")

    def _not_reset(self) -> Finding:
        wired = self._case.scheme != "spi" or (self._case.lines and self._case.lines.resting())
        return fail(
            "a mark written before the reset is still there: the chip was not reset",
            "the reset to clear the chip",
            "the reset line is another pin than the configured one"
            if wired
            else "no reset line is configured",
            "header pin numbers were taken for BCM numbers",
            next="edgemast boards",
        )

    def version(self) -> Finding:
        return self._steps("identify the chip", said=self._read_version)

    def radios(self) -> Finding:
        if not self._config.sx1250:
            self.firmware_files()  # these radios calibrate by a firmware
            if self._firmware is None:
                return skipped("SX1255 and SX1257 need the calibration firmware, see below")
        names = ("switch outputs off", "calibrate the radios", "set up the radios")
        return self._steps(*names, said=lambda: "both radios went through standby and calibration")

    def identity(self) -> Finding:
        finding = self._steps("read EUI and model", said=lambda: "")
        if finding.verdict is not Verdict.OK or self._bench is None:
            return finding
        self._case.chip_eui = self._bench.eui
        return ok(f"{self._bench.model}, EUI {self._bench.eui}")

    def firmware_files(self) -> Finding:
        """Whether Semtech's images are on this machine."""
        uri = self._case.uri or ""
        try:
            simulated = uri.startswith("sim:")
            self._firmware = (
                Firmware.simulated()
                if simulated
                else load_for(uri, lbt=self._config.sx1261 is not None, sx1250=self._config.sx1250)
            )
        except FirmwareError as error:
            return fail(
                str(error),
                "the AGC and ARB images of sx1302_hal 2.1.0",
                "they were never imported: their licence keeps them out of this package",
                "they were imported for another user",
                next="edgemast firmware import PATH_TO/sx1302_hal",
            )
        return ok("simulated: none is needed" if simulated else "the images are there and intact")

    def firmware(self) -> Finding:
        """Loaded, read back, and both controllers through their hand-shakes."""
        names = (
            "set timestamps and pins",
            "set up the channels",
            "set up the demodulators",
            "start the AGC firmware",
            "start the ARB firmware",
            "set up the transmit path",
        )
        return self._steps(*names, said=lambda: "AGC and ARB loaded, read back the same, running")

    def listener(self) -> Finding:
        """The SX1261: needed with LBT, used for scans, looked for without."""
        if self._config.sx1261 is None:
            return self._look_for_listener()
        bench = self._ready()
        done = self._steps("set up the SX1261", said=lambda: "the SX1261 is patched and ready")
        if done.verdict is not Verdict.OK or not bench.sx1261_fault:
            return done
        if lbt.wanted(self._config):
            return fail(
                bench.sx1261_fault,
                "the SX1261: without it nothing is sent where listening first is demanded",
                "this board has none",
                "its reset line, or its chip select (sx1261.spi_path), is another one",
                next="edgemast boards",
            )
        return warn(bench.sx1261_fault, "the SX1261, for spectral scans", "this board has none")

    def _look_for_listener(self) -> Finding:
        chip, clock = Sx1302(self._board), self._case.clock
        try:
            radios.side_by_side(chip, clock, (Target.SX1261,), [sx1261.standby()])
        except (Unexpected, HalError) as error:
            return skipped(f"no SX1261 answers, and none is needed without LBT ({error})")
        return ok("an SX1261 answers; it is not used without sx1261.lbt")

    def receiving(self) -> Finding:
        """One receive cycle: the last step, the buffer's level, and a counter that moves."""
        done = self._steps("say that configuration is done", said=lambda: "")
        if done.verdict is not Verdict.OK:
            return done
        chip, clock = Sx1302(self._board), self._case.clock
        time = Clockwork(self._board)
        try:
            before_us = time.update(chip.transfer(COUNTER_OPS))
            clock.sleep(COUNTED_S)
            level = chip.read(RxTop.RX_BUFFER_NB_BYTES)
            answers = chip.transfer(health.OPS)
            moved_us = time.update(chip.transfer(COUNTER_OPS)) - before_us
        except HalError as error:
            return _bus_failed(error)
        look = health.read_out(answers, counter_stands=moved_us == 0, now_us=0)
        if faults := look.faults():
            return fail(
                "; ".join(faults),
                "a chip that receives",
                "the radio that clocks the chip gives no clock (concentrator.clock_source)",
                "the supply broke down while the radios were switched on",
                next="edgemast doctor once more; then another supply",
            )
        return ok(f"the counter moves, {level} bytes wait, AGC and ARB are well")

    def temperature(self) -> Finding:
        try:
            found = self._board.temperature_c()
        except HalError as error:
            return _bus_failed(error)
        if found is None:
            return warn(
                "the board has no sensor that answers",
                "a temperature; without one RSSI is compensated for 25 °C",
                "this board has none",
                "I2C is off: dtparam=i2c_arm=on",
                next="i2cdetect -y 1",
            )
        if not PLAUSIBLE_C[0] <= found <= PLAUSIBLE_C[1]:
            return warn(f"{found:.1f} °C", "a temperature between -40 and 85 °C", "bad contact")
        return ok(f"{found:.1f} °C")

    def pps(self) -> Finding:
        """Whether edges of the GPS arrive at the chip."""
        chip, clock = Sx1302(self._board), self._case.clock
        try:
            before = chip.read(Timestamp.TIMESTAMP_PPS)
            clock.sleep(PPS_S)
            after = chip.read(Timestamp.TIMESTAMP_PPS)
        except HalError as error:
            return _bus_failed(error)
        if before != after:
            return ok("an edge arrived within a second")
        wanted = self._case.config is not None and self._case.config.gps_tty is not None
        if not wanted:
            return skipped("no edge came; GPS is not configured, so none is needed")
        return warn(
            "no edge came within 1.1 s",
            "one in a second: class B and fine timestamps need it",
            "the receiver has no fix yet: antenna, sky, some minutes",
            "PPS is not wired to the concentrator on this board",
        )

    # How they are done.

    @property
    def _board(self) -> Transport:
        if self._transport is None:
            raise RuntimeError("the board is not open")
        return self._transport

    def _mark(self, chip: Sx1302) -> bool:
        """Whether a chip took the mark: one that is without power or held in reset does not."""
        if chip.read(Common.VERSION) not in bringup.KNOWN_VERSIONS:
            return False
        chip.write(Common.PAGE, MARK)
        return chip.read(Common.PAGE) == MARK

    def _read_version(self) -> str:
        return f"version {Sx1302(self._board).read(Common.VERSION):#04x}"

    def _ready(self) -> bringup.Bench:
        """What the steps work on, with the images as soon as they are known."""
        firmware = self._firmware or Firmware.simulated()
        if self._bench is None:
            chip = Sx1302(self._board)
            self._bench = bringup.Bench(chip, self._case.clock, self._config, firmware)
        self._bench.firmware = firmware
        return self._bench

    def _steps(self, *names: str, said: Callable[[], str]) -> Finding:
        bench = self._ready()
        steps = dict(bringup.STEPS)
        for name in names:
            try:
                steps[name](bench)
            except Unexpected as error:
                read = f"{error.read} (step '{name}')"
                return fail(read, error.expected, *error.causes, next=self._next(error))
            except HalError as error:
                return _bus_failed(error)
        try:
            return ok(said())
        except HalError as error:
            return _bus_failed(error)

    def _next(self, error: Unexpected) -> str:
        """Silence wants other lines or a cold start, wrong bits a slower bus."""
        if "silence" not in error.read:
            return f"edgemast bus-test {self._case.radio_options}"
        if self._case.scheme == "spi":
            return f"edgemast boards {self._case.board or ''}".rstrip()
        return "unplug the board, wait a second, plug it in"


def _bus_failed(error: HalError) -> Finding:
    return fail(
        str(error),
        "the bus to carry what is asked",
        "cable, connector or supply",
        "the board was unplugged or restarted",
        next="dmesg | tail -20",
    )
