"""What the registers of a TX chain say will be sent, at the moment its trigger is written.

Source: sx1302-chip.md section 11.1; the names of `describe` are those of golden/tx.jsonl.
"""

from __future__ import annotations

from dataclasses import dataclass

from .map import TX_BLOCK_SIZE, TX_BUFFER
from .power import power_dbm, sx125x_power_dbm
from .registers import RegisterFile
from .timestamp import payload_symbols

_FREQ_STEP_HZ = 32e6 / (1 << 18)
_BANDWIDTHS_HZ = {4: 125_000, 5: 250_000, 6: 500_000}
_PUBLIC_SYNC = (6, 8)
_STATUS = 0x11
_DIVISORS = {"SX1255": 2}
_MODULATIONS = ("CW", "LORA", "FSK", "none")


@dataclass(frozen=True, slots=True)
class TxProgram:
    """One chain's settings. `airtime_us` is None for what never ends by itself (CW).

    `bw_hz`, `sf` and `coding_rate` belong to LoRa, `bitrate_bps` to FSK; they are 0 elsewhere.
    """

    rf_chain: int
    modulation: str
    regs: bytes
    payload: bytes
    freq_hz: float
    sf: int
    bw_hz: int
    coding_rate: int
    bitrate_bps: int
    preamble: int
    crc: bool
    implicit: bool
    invert: bool
    public: bool
    airtime_us: float | None
    agc_deviation: int
    length_byte: int
    power_dbm: float

    @property
    def start_delay_ticks(self) -> int:
        return int.from_bytes(self.regs[5:7], "big")

    @property
    def timer_ticks(self) -> int:
        return int.from_bytes(self.regs[1:5], "big")

    @property
    def pa_on(self) -> bool:
        return bool(self.regs[0x0D] & 0x40)

    @property
    def power_index(self) -> int:
        return self.regs[0x0D] & 0x3F

    def faults(self) -> list[str]:
        """Why no modem could send this; empty when one can."""
        if self.modulation == "LORA" and not (5 <= self.sf <= 12 and self.bw_hz):
            return [f"SF{self.sf} at bandwidth code {self.regs[0x60] >> 4}"]
        if self.modulation == "FSK" and not self.bitrate_bps:
            return ["FSK without a bit rate"]
        return ["no modulation selected"] if self.modulation == "none" else []


def decode(
    registers: RegisterFile, base: int, rf_chain: int, agc_deviation: int, radio: str = "SX1250"
) -> TxProgram:
    """Read a chain's block and payload buffer; `agc_deviation` is what the AGC mailboxes hold.

    `radio` is the front end behind the chain: an SX1255's mixer halves the frequency.
    """
    block = registers.memory[base : base + TX_BLOCK_SIZE]
    block[_STATUS] = 0  # what the chain is doing is not part of its settings
    regs = bytes(block)
    buffer = bytes(registers.memory[base + TX_BUFFER : base + TX_BUFFER + 0x100])
    modulation = _MODULATIONS[regs[0x20] & 3]
    fsk, lora = modulation == "FSK", modulation == "LORA"
    size = regs[0x40] if fsk else regs[0x63]
    rate = int.from_bytes(regs[0x44:0x46], "big")
    return TxProgram(
        rf_chain=rf_chain,
        modulation=modulation,
        regs=regs,
        payload=(buffer[1:] if fsk else buffer)[:size],
        freq_hz=int.from_bytes(regs[0x25:0x28], "big") * _FREQ_STEP_HZ / _DIVISORS.get(radio, 1),
        sf=regs[0x60] & 0xF if lora else 0,
        bw_hz=_BANDWIDTHS_HZ.get(regs[0x60] >> 4, 0) if lora else 0,
        coding_rate=regs[0x61] & 7 if lora else 0,
        bitrate_bps=round(32e6 / rate) if fsk and rate else 0,
        preamble=int.from_bytes(regs[0x42:0x44], "big") if fsk else regs[0x67] << 8 | regs[0x66],
        crc=bool(regs[0x41] & 2) if fsk else bool(regs[0x62] & 1),
        implicit=lora and bool(regs[0x62] & 2),
        invert=lora and bool(regs[0x69] & 2),
        public=(regs[0x6D] & 0x1F, regs[0x6E] & 0x1F) == _PUBLIC_SYNC,
        airtime_us=_airtime_us(modulation, regs),
        agc_deviation=agc_deviation,
        length_byte=buffer[0],
        power_dbm=_power_dbm(regs[0x0D], radio),
    )


def _power_dbm(byte: int, radio: str) -> float:
    if radio == "SX1250":
        return power_dbm(bool(byte & 0x40), byte & 0x3F)
    return sx125x_power_dbm(byte)


def describe(program: TxProgram) -> dict[str, object]:
    """A JSON object with every field decoded."""
    regs = program.regs
    return {
        "rf_chain": program.rf_chain,
        "freq_hz": round(program.freq_hz),
        "freq_reg": int.from_bytes(regs[0x25:0x28], "big"),
        "agc_tx_pwr": regs[0x0D],
        "agc_tx_bw": regs[0x0C],
        "pa_en": int(program.pa_on),
        "pwr_idx": program.power_index,
        "dig_gain": regs[0x22] & 3,
        "i_offset": _signed(regs[0x23]),
        "q_offset": _signed(regs[0x24]),
        "start_delay_ticks": program.start_delay_ticks,
        "timer_trig": program.timer_ticks,
        "fdev_reg": (regs[0x28] & 0xF) << 8 | regs[0x29],
        "modu": program.modulation,
        **_MODULATION_FIELDS[program.modulation](program),
        "payload": program.payload.hex(),
        "airtime_us": program.airtime_us,
        "regs": regs.hex(),
    }


def _lora_fields(program: TxProgram) -> dict[str, object]:
    regs = program.regs
    return {
        "sf": program.sf,
        "bw": program.bw_hz,
        "cr": program.coding_rate,
        "size": len(program.payload),
        "implicit": program.implicit,
        "crc": program.crc,
        "preamble": program.preamble,
        "ppm_offset": regs[0x61] >> 4 & 3,
        "invert": program.invert,
        "chirp_lowpass": regs[0x69] >> 4 & 7,
        "fine_synch": bool(regs[0x62] & 0x80),
        "sync_peaks": [regs[0x6D] & 0x1F, regs[0x6E] & 0x1F],
    }


def _fsk_fields(program: TxProgram) -> dict[str, object]:
    regs = program.regs
    deviation = (regs[0x28] & 0xF) << 8 | regs[0x29]
    return {
        "bitrate_reg": int.from_bytes(regs[0x44:0x46], "big"),
        "bitrate": program.bitrate_bps,
        "preamble": program.preamble,
        "sync": regs[0x47 : 0x47 + _fsk_sync_size(regs)].hex(),
        "crc": program.crc,
        "size": len(program.payload),
        "fsk_cfg0": regs[0x41],
        "fsk_mod": regs[0x46],
        "fdev_hz": round(deviation * _FREQ_STEP_HZ),
        "agc_fdev": program.agc_deviation,
        "length_byte": program.length_byte,
    }


def _cw_fields(program: TxProgram) -> dict[str, object]:
    return {"tone": _signed(program.regs[0x2A]), "size": len(program.payload)}


_MODULATION_FIELDS = {
    "LORA": _lora_fields,
    "FSK": _fsk_fields,
    "CW": _cw_fields,
    "none": _cw_fields,
}


def _airtime_us(modulation: str, regs: bytes) -> float | None:
    if modulation == "LORA":
        return _lora_airtime_us(regs)
    rate = int.from_bytes(regs[0x44:0x46], "big")
    if modulation == "FSK" and rate:
        crc_bytes = 2 if regs[0x41] & 2 else 0
        preamble = int.from_bytes(regs[0x42:0x44], "big")
        total = preamble + _fsk_sync_size(regs) + 1 + regs[0x40] + crc_bytes
        return total * 8e6 / round(32e6 / rate)
    return None


def _lora_airtime_us(regs: bytes) -> float | None:
    sf, bw_hz = regs[0x60] & 0xF, _BANDWIDTHS_HZ.get(regs[0x60] >> 4, 0)
    if not (5 <= sf <= 12 and bw_hz):
        return None
    payload = payload_symbols(
        sf,
        regs[0x61] & 7,
        regs[0x63],
        crc=bool(regs[0x62] & 1),
        implicit=bool(regs[0x62] & 2),
        reduced=bool(regs[0x61] >> 4 & 3),
    )
    head = (regs[0x67] << 8 | regs[0x66]) + (6.25 if sf < 7 else 4.25) + 8
    return (head + payload) * (1 << sf) * 1e6 / bw_hz


def _fsk_sync_size(regs: bytes) -> int:
    return (regs[0x46] >> 5) + 1


def _signed(byte: int) -> int:
    return byte - 256 if byte & 0x80 else byte
