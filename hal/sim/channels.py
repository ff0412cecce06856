"""The ten receive channels as the registers describe them (sx1302-chip.md sections 6 and 7)."""

from __future__ import annotations

from . import map as at
from .registers import RegisterFile
from .values import ChainKind, IfChain

_IF_STEP_HZ = 15625 / 32
_BANDWIDTHS_HZ = {4: 125_000, 5: 250_000, 6: 500_000}
_PUBLIC_SYNC = (6, 8)  # symbol positions of sync word 0x34

SERVICE_CHANNEL = 8
FSK_CHANNEL = 9


def chains(registers: RegisterFile, radio_hz: tuple[float, float]) -> list[IfChain]:
    """All ten, enabled or not; `radio_hz` is what the two radios are tuned to."""
    multi = [_multi(registers, radio_hz, channel) for channel in range(SERVICE_CHANNEL)]
    return [*multi, _service(registers, radio_hz), _fsk(registers, radio_hz)]


def _multi(registers: RegisterFile, radio_hz: tuple[float, float], channel: int) -> IfChain:
    radio = registers.peek(at.MULTI_RADIO) >> channel & 1
    mask = registers.peek(at.CORRELATOR_SFS)
    return IfChain(
        chan=channel,
        kind=ChainKind.MULTI,
        enabled=_modem_on(registers, 1)
        and bool(registers.peek(at.CORRELATOR_ENABLE) >> channel & 1),
        radio=radio,
        freq_hz=radio_hz[radio] + _if_hz(registers, at.MULTI_IF + 2 * channel),
        bw_hz=125_000,
        sfs=tuple(sf for sf in range(5, 13) if mask >> (sf - 5) & 1),
        public=_sync(registers, at.SYNC_SF7_TO_12) == _PUBLIC_SYNC,
    )


def _service(registers: RegisterFile, radio_hz: tuple[float, float]) -> IfChain:
    radio = registers.peek(at.SERVICE_RADIO) & 1
    rate = registers.peek(at.SERVICE_RATE)
    return IfChain(
        chan=SERVICE_CHANNEL,
        kind=ChainKind.LORA_STD,
        enabled=_modem_on(registers, 0) and bool(registers.peek(at.SERVICE_MODEM) & 1 << 3),
        radio=radio,
        freq_hz=radio_hz[radio] + _if_hz(registers, at.SERVICE_IF),
        bw_hz=_BANDWIDTHS_HZ.get(rate >> 4, 125_000),
        sfs=(rate & 0xF,),
        public=_sync(registers, at.SERVICE_SYNC) == _PUBLIC_SYNC,
    )


def _fsk(registers: RegisterFile, radio_hz: tuple[float, float]) -> IfChain:
    radio = registers.peek(at.FSK_RADIO) >> 1 & 1
    rate = registers.peek(at.FSK_BITRATE, 2)
    sync_size = (registers.peek(at.FSK_SYNC_SIZE) >> 3 & 0x7) + 1
    return IfChain(
        chan=FSK_CHANNEL,
        kind=ChainKind.FSK,
        enabled=_modem_on(registers, 2) and rate != 0,
        radio=radio,
        freq_hz=radio_hz[radio] + _if_hz(registers, at.FSK_IF),
        bw_hz=125_000,
        bitrate_bps=round(32e6 / rate) if rate else None,
        sync_word=bytes(registers.memory[at.FSK_SYNC : at.FSK_SYNC + sync_size]),
    )


def _modem_on(registers: RegisterFile, bit: int) -> bool:
    enables = registers.peek(at.MODEM_ENABLE)
    return bool(enables >> bit & 1 and enables >> 3 & 1)


def _if_hz(registers: RegisterFile, address: int) -> float:
    word = registers.peek(address, 2) & 0x1FFF
    return (word - 0x2000 if word & 0x1000 else word) * _IF_STEP_HZ


def _sync(registers: RegisterFile, address: int) -> tuple[int, int]:
    return registers.peek(address) & 0x1F, registers.peek(address + 1) & 0x1F
