"""The control port's requests: one JSON object in, one out (reference: sim-control.md).

Pure but for the board and the log file it is told to write; the sockets are `server.py`'s. Nothing
that a client sends stops the board: what cannot be done is answered with `ok` false and why.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from . import map as at
from .board import SimBoard, parse_eui
from .bridge import Bridge
from .control_fields import Fields, RequestError
from .control_gps import GpsControl
from .counter import TICKS_PER_US
from .gps import SimGps
from .log import TransactionLog
from .rx_encode import Record
from .tx import Attempt
from .values import ChainKind, IfChain

Reply = dict[str, Any]
Answer = Callable[[Reply], None]

_MOST_PEEKED = at.SIZE
_MOST_ITEMS = 10_000


class Above(Protocol):
    """The air above the board."""

    def transmit(self, fields: Fields, answer: Answer, /) -> None: ...

    def interfere(self, fields: Fields, /) -> Reply: ...


class Control:
    """Answers go to the callable that came with the request, at once or, for `transmit`, later."""

    def __init__(
        self, board: SimBoard, bridge: Bridge, above: Above, gps: SimGps | None = None
    ) -> None:
        self._board = board
        self._bridge = bridge
        self._transmit = above.transmit
        self._commands: dict[str, Callable[[Fields], Reply]] = {
            "inject": self._inject,
            "interfere": above.interfere,
            "gps": GpsControl(gps).request,
            "inject_many": self._inject_many,
            "inject_raw": self._inject_raw,
            "transmitted": lambda _: {"tx": list(_drain(board.tx.transmitted))},
            "programmed": lambda _: {"tx": list(_drain(board.tx.programmed))},
            "channels": lambda _: {"channels": [_channel(chain) for chain in board.chains()]},
            "state": self._state,
            "set": self._set,
            "log": self._log,
            "peek": self._peek,
            "reset_stats": self._reset_stats,
        }
        self._settings: dict[str, Callable[[Fields, str], None]] = {
            "temperature": self._set_temperature,
            "lbt_busy": self._set_lbt_busy,
            "model_id": self._set_model_id,
            "xtal_ppm": self._set_xtal_ppm,
            "eui": self._set_eui,
            "counter_ticks": self._set_counter_ticks,
            "latency_us": self._set_latency,
            "mute": self._set_mute,
            "fail_next": self._set_fail_next,
            "pps": self._set_pps,
            "reads_as": self._set_reads_as,
            "flips_over": self._set_flips_over,
            "reset_ignored": self._set_reset_ignored,
            "dead_radios": self._set_dead_radios,
            "counter_stands": self._set_counter_stands,
        }

    def request(self, line: bytes, answer: Answer) -> None:
        """One line from a client; calls `answer` exactly once."""
        self._board.advance()
        if self._bridge.log:
            self._bridge.log.flush()
        try:
            fields = _parse(line)
            name = fields.text("cmd")
            if name == "transmit":
                self._transmit(fields, answer)
                return
            if name not in self._commands:
                known = ", ".join([*self._commands, "transmit"])
                raise RequestError(f"cmd is {name!r}; one of {known} expected")
            reply = self._commands[name](fields)
        except (RequestError, OSError) as error:
            answer({"ok": False, "error": str(error)})
            return
        answer({"ok": True, **reply})

    # Into the FIFO.

    def _inject(self, fields: Fields) -> Reply:
        board = self._board
        later_us = fields.integer("at_us_from_now", 0, 2**40, 0)
        appears = board.counter.ticks() + later_us * TICKS_PER_US
        ticks = fields.integer("ticks", 0, 2**32 - 1, appears & 0xFFFFFFFF)
        raw = board.inject(_record(fields, ticks), later_us)
        return {
            "raw": raw.hex(),
            "ticks": ticks,
            "ns": board.agenda.now_ns + later_us * 1000,
            "counter_us": appears // TICKS_PER_US,
        }

    def _inject_many(self, fields: Fields) -> Reply:
        return {"replies": [self._inject_item(item) for item in fields.items("items", _MOST_ITEMS)]}

    def _inject_item(self, item: Fields | None) -> Reply:
        try:
            if item is None:
                raise RequestError("an item is no object")
            return {"ok": True, **self._inject(item)}
        except RequestError as error:
            return {"ok": False, "error": str(error)}

    def _inject_raw(self, fields: Fields) -> Reply:
        return {"stored": self._board.fifo.store(fields.hexadecimal("raw", 1 << 16))}

    # What can be seen.

    def _state(self, _: Fields) -> Reply:
        board = self._board
        registers = board.registers
        return {
            "counter_us": board.counter.ticks() // TICKS_PER_US,
            "ns": board.agenda.now_ns,
            "fifo_bytes": len(board.fifo),
            "config_done": bool(registers.peek(at.GPIO_OUT) & 1),
            "stats": self._stats(),
            "requests": self._bridge.requests,
            "agc_status": board.agc.status,
            "arb_status": board.arb.status,
            "agc_running": board.agc.running,
            "fw_sha256": {"agc": board.agc.image_sha256, "arb": board.arb.image_sha256},
            "radio_hz": [radio.freq_hz for radio in board.radios],
            "radio_mode": [int(radio.mode) for radio in board.radios],
        }

    def _stats(self) -> Reply:
        board, bridge = self._board, self._bridge
        return {
            "fifo_overflow": board.fifo.overflows,
            "fifo_records": board.fifo.stored,
            "tx_invalid": board.tx.invalid,
            "bridge_errors": bridge.errors,
            "spi_failed": bridge.failed,
        }

    def _reset_stats(self, _: Fields) -> Reply:
        board, bridge = self._board, self._bridge
        board.fifo.overflows = board.fifo.stored = board.tx.invalid = 0
        bridge.errors = bridge.failed = 0
        return {}

    def _peek(self, fields: Fields) -> Reply:
        address = fields.integer("addr", 0, at.SIZE - 1)
        size = fields.integer("n", 1, _MOST_PEEKED, 1)
        if address == at.RX_FIFO:
            return {"data": self._board.fifo.look()[:size].hex()}
        return {"data": self._board.registers.look(address, size).hex()}

    def _log(self, fields: Fields) -> Reply:
        lines = self.close_log()
        path = fields.optional_text("path")
        if path is not None:
            mode = fields.choice("mode", ("all", "nopoll"), "all")
            try:
                self._bridge.log = TransactionLog(Path(path), polls=mode == "all")
            except ValueError as error:  # a NUL in it, or half a character
                raise RequestError(f"path is {path!r}: {error}") from error
        return {"lines": lines}

    def close_log(self) -> int:
        """Stop the log, if there is one; gives its number of lines."""
        log, self._bridge.log = self._bridge.log, None
        return log.close() if log else 0

    # What can be set. Everything is checked before anything is changed.

    def _set(self, fields: Fields) -> Reply:
        names = [name for name in fields.names() if name != "cmd"]
        for name in names:
            if name not in self._settings:
                known = ", ".join(self._settings)
                raise RequestError(f"cannot set {name!r}; one of {known} expected")
        for name in names:
            self._settings[name](fields, name)
        return {}

    def _set_temperature(self, fields: Fields, name: str) -> None:
        self._board.temperature_c = fields.number(name, -273.0, 327.0)

    def _set_lbt_busy(self, fields: Fields, name: str) -> None:
        self._board.lbt_busy = fields.flag(name)

    def _set_model_id(self, fields: Fields, name: str) -> None:
        self._board.otp.model_id = fields.integer(name, 0, 255)

    def _set_xtal_ppm(self, fields: Fields, name: str) -> None:
        self._board.counter.set_xtal_ppm(fields.number(name, -1000.0, 1000.0))

    def _set_eui(self, fields: Fields, name: str) -> None:
        try:
            self._board.otp.eui = parse_eui(fields.text(name))
        except ValueError as error:
            raise RequestError(str(error)) from error

    def _set_counter_ticks(self, fields: Fields, name: str) -> None:
        self._board.counter.preset(fields.integer(name, 0, 2**63))

    def _set_latency(self, fields: Fields, name: str) -> None:
        self._board.faults.latency_us = fields.integer(name, 0, 60_000_000)

    def _set_mute(self, fields: Fields, name: str) -> None:
        self._board.faults.mute = fields.flag(name)

    def _set_fail_next(self, fields: Fields, name: str) -> None:
        statuses = fields.integers(name, 0, 255)
        self._board.faults.fail_next.clear()
        self._board.faults.fail_next.extend(statuses)

    def _set_reads_as(self, fields: Fields, name: str) -> None:
        self._board.faults.reads_as = fields.optional_integer(name, 0, 255)

    def _set_flips_over(self, fields: Fields, name: str) -> None:
        self._board.faults.flips_over = fields.optional_integer(name, 0, 65_536)

    def _set_reset_ignored(self, fields: Fields, name: str) -> None:
        self._board.faults.reset_ignored = fields.flag(name)

    def _set_dead_radios(self, fields: Fields, name: str) -> None:
        self._board.faults.dead_radios = set(fields.integers(name, 0, 2))

    def _set_counter_stands(self, fields: Fields, name: str) -> None:
        self._board.faults.counter_stands = fields.flag(name)

    def _set_pps(self, fields: Fields, name: str) -> None:
        """True or false, or the phase of the first edge in ticks from now."""
        if fields.is_flag(name):
            self._board.counter.set_pps(fields.flag(name))
            return
        self._board.counter.set_pps(True)
        self._board.counter.set_pps_phase(fields.integer(name, 0, 2**32))


def _parse(line: bytes) -> Fields:
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"not JSON: {error}") from error
    if not isinstance(given, dict):
        raise RequestError("one JSON object a line expected")
    return Fields(given)


def _record(fields: Fields, ticks: int) -> Record:
    channel = fields.integer("channel", 0, 9, 0)
    sf = fields.integer("sf", 0, 12, 7)
    if 0 < sf < 5:
        raise RequestError(f"sf is {sf}; 5 to 12, or 0 for FSK, expected")
    return Record(
        payload=fields.hexadecimal("payload", 255),
        channel=channel,
        modem=fields.integer("modem", 0, 17, 0),
        sf=sf,
        coding_rate=fields.integer("cr", 0, 4, 1),
        crc_present=fields.flag("crc_en", True),
        ticks=ticks,
        crc_error=fields.flag("crc_error", False),
        sync_error=fields.flag("sync_error", False),
        header_error=fields.flag("header_error", False),
        timing_set=fields.flag("timing_set", False),
        freq_offset_raw=fields.integer("freq_offset_raw", -(2**19), 2**19 - 1, 0),
        snr_raw=fields.integer("snr_raw", -128, 255, 0),
        rssi_channel=fields.integer("rssi_chan", 0, 255, 100),
        rssi_signal=fields.integer("rssi_sig", 0, 255, 100),
        crc16=fields.optional_integer("crc16", 0, 0xFFFF),
        metrics=fields.hexadecimal("ts_metrics", 510, ""),
    )


def _drain(attempts: Any) -> Iterator[dict[str, object]]:
    while attempts:
        attempt: Attempt = attempts.popleft()
        yield attempt.describe()


def _channel(chain: IfChain) -> dict[str, object]:
    described: dict[str, object] = {
        "chan": chain.chan,
        "radio": chain.radio,
        "enabled": chain.enabled,
        "kind": chain.kind.value,
        "freq_hz": chain.freq_hz,
    }
    if chain.kind is ChainKind.FSK:
        return described | {"bitrate": chain.bitrate_bps}
    if chain.kind is ChainKind.LORA_STD:
        return described | {"bw": chain.bw_hz, "sf": chain.sfs[0]}
    return described | {"bw": chain.bw_hz}
