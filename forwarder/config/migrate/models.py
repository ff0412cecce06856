"""The boards of ChirpStack Concentratord's `model` words. Pure.

chirpstack/chirpstack-concentratord, chirpstack-concentratord-sx1302/src/config/mod.rs and
vendor/*/mod.rs: which words there are, and which take the flag USB.
"""

from __future__ import annotations

BOARDS = {  # the board with SPI, the board with USB
    "dragino_pg1302": ("pg1302", ""),
    "elecrow_lr1302": ("lr1302", "lr1302-usb"),
    "embit_emb_lr1302_mpcie": ("emb-lr1302", "emb-lr1302-usb"),
    "miromico_gwc_02_lw_868": ("gwc-02", "gwc-02"),
    "miromico_gwc_02_lw_915": ("gwc-02", "gwc-02"),
    "rak_2287": ("rak2287", "rak2287-usb"),
    "rak_5146": ("rak5146", "rak5146-usb"),
    "seeed_wm1302": ("wm1302", "wm1302-usb"),
    "semtech_sx1302c490gw1": ("corecell", ""),
    "semtech_sx1302c868gw1": ("corecell", ""),
    "semtech_sx1302c915gw1": ("corecell", ""),
    "semtech_sx1302css868gw1": ("corecell-usb", "corecell-usb"),
    "semtech_sx1302css915gw1": ("corecell-usb", "corecell-usb"),
    "semtech_sx1302css923gw1": ("corecell-usb", "corecell-usb"),
    "waveshare_sx1302_lorawan_gateway_hat": ("waveshare-sx1302", ""),
}
REGIONS = {"AS923": "AS923-1", "AS923_2": "AS923-2", "AS923_3": "AS923-3", "AS923_4": "AS923-4"}


def board_of(model: str, *, usb: bool) -> str:
    """The name of our board; empty where there is none."""
    spi_name, usb_name = BOARDS.get(model, ("", ""))
    return usb_name if usb else spi_name


def region_of(name: str) -> str:
    """Our word for Concentratord's region; `KR923` is a slip of its template."""
    return REGIONS.get(name, "KR920" if name == "KR923" else name)
