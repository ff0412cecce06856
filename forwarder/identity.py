"""Which EUI this gateway has, and why: explicit setting, chip, stored value, fixed MAC.

Source: users-voice.md 9, semtech-udp.md 3.6. `choose` is pure: what was read from chip, disk and
network interfaces comes in as arguments; an answer with its reason, or a ConfigError with advice,
comes out. `gateway_eui` asks the host first. An EUI is 16 lower-case hex digits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from .errors import ConfigError

KINDS = ("auto", "chip", "stored", "mac")

# Carried by everybody's sample files: two gateways with one of these disturb each other.
SAMPLES = frozenset(
    {
        "aa555a0000000000",  # sx1302_hal, every global_conf.json
        "aa555a0000000101",  # lora_gateway and older forks
        "0123456789abcdef",
        "1234567890abcdef",
        "ffffffffffffffff",
    }
)
ZERO = "0" * 16
LOCAL_BIT = 0x02  # of a MAC's first byte: made up by software, changes at will
GROUP_BIT = 0x01


class Identity(NamedTuple):
    """The EUI and where it comes from, in words for a person."""

    eui: str
    source: str


def parse(text: str) -> str:
    """16 lower-case hex digits from `text`, with or without separators and 0x.

    Raises ConfigError with what was expected.
    """
    digits = text.strip().lower().removeprefix("0x")
    for separator in ":-. _":
        digits = digits.replace(separator, "")
    if len(digits) != 16 or not set(digits) <= set("0123456789abcdef"):
        raise ConfigError("expected 16 hex digits, as in 0016c001ff1c2d3e")
    return digits


def parse_setting(text: str) -> str:
    """One of KINDS, or an EUI. Raises ConfigError with what was expected."""
    word = text.strip().lower()
    if word in KINDS:
        return word
    try:
        return parse(text)
    except ConfigError as error:
        raise ConfigError(f"{error}, or one of {', '.join(KINDS)}") from error


def refuse_sample(eui: str) -> None:
    """Raise ConfigError, with what to do, for an EUI that thousands of files carry."""
    if eui == ZERO or eui in SAMPLES:
        what = "all zeros" if eui == ZERO else "the EUI of a sample file, which many gateways have"
        raise ConfigError(
            f"gateway EUI {eui} is {what}: set gateway_ID (gateway.eui in TOML) to the EUI of "
            'this gateway, which `edgemast whoami` finds, or to "chip" to use the one that the '
            "concentrator has"
        )


class HasEui(Protocol):
    @property
    def eui(self) -> str: ...


class Configured(Protocol):
    """What is asked of a configuration (config.GatewayConfig)."""

    @property
    def path(self) -> Path: ...
    @property
    def eui(self) -> str: ...
    @property
    def servers(self) -> Sequence[HasEui]: ...
    @property
    def sources(self) -> Mapping[str, str]: ...


def refuse_samples(config: Configured) -> None:
    """Raise ConfigError, with its place in the file, for a sample EUI of gateway or server."""
    euis = {config.eui, *(server.eui for server in config.servers if server.eui != ZERO)}
    for eui in sorted(euis - set(KINDS)):
        try:
            refuse_sample(eui)
        except ConfigError as error:
            place = config.sources.get("gateway.eui", config.path.name)
            raise ConfigError(f"{place}: {error}") from error


def choose(
    setting: str,
    chip_eui: str | None = None,
    stored: str | None = None,
    macs: Mapping[str, str] | None = None,
) -> Identity:
    """The EUI by `setting` ("auto", "chip", "stored", "mac" or 16 hex digits) and its source.

    "auto" takes the chip's, else what was stored once, else that of a fixed MAC. `macs` are the
    host's network interfaces, name to address. Raises ConfigError that says what to do.
    """
    kind = parse_setting(setting)
    if kind not in KINDS:
        refuse_sample(kind)
        return Identity(kind, "set in the configuration")
    tries = {
        "chip": lambda: _usable(chip_eui, "read from the concentrator chip"),
        "stored": lambda: _usable(stored, "stored when it was first found"),
        "mac": lambda: _from_macs(macs or {}),
    }
    order = ("chip", "stored", "mac") if kind == "auto" else (kind,)
    for name in order:
        if (found := tries[name]()) is not None:
            return found
    raise ConfigError(f"this gateway has no EUI: {_advice(kind, macs or {})}")


def gateway_eui(setting: str, chip_eui: str | None, *, simulated: bool = False) -> Identity:
    """The EUI by the configuration's `setting`, asking this host for what `choose` wants to know.

    The first answer that a chip or an interface gives is stored once, so that a later one cannot
    silently differ; a simulated board's is not. Raises ConfigError that says what to do.
    """
    from . import host

    if setting not in KINDS:
        return choose(setting)
    stored = host.stored_eui()
    found = choose(setting, chip_eui, stored, host.macs())
    if stored is None and not simulated:
        host.store_eui(found.eui)
    return found


def early_eui(setting: str) -> Identity | None:
    """The EUI before there is a chip to ask: what is set, or was stored; None without either."""
    from . import host

    try:
        return choose(setting, None, host.stored_eui(), host.macs() if setting == "mac" else {})
    except ConfigError:
        return None


def from_mac(mac: str) -> str:
    """The EUI that Semtech's update_gwid.sh makes of a MAC: FFFE in its middle.

    Raises ConfigError for what is no MAC that stays the same for ever.
    """
    digits = mac.strip().lower().replace(":", "").replace("-", "")
    if len(digits) != 12 or not set(digits) <= set("0123456789abcdef"):
        raise ConfigError(f"'{mac}' is no MAC address; 12 hex digits expected")
    first = int(digits[:2], 16)
    if first & LOCAL_BIT:
        raise ConfigError(f"{mac} is locally administered: it may be another after a reboot")
    if first & GROUP_BIT or int(digits, 16) == 0:
        raise ConfigError(f"{mac} is not the address of one interface")
    return f"{digits[:6]}fffe{digits[6:]}"


def _usable(eui: str | None, source: str) -> Identity | None:
    if eui is None:
        return None
    try:
        digits = parse(eui)
        refuse_sample(digits)
    except ConfigError:
        return None  # an unprogrammed chip, a damaged file: the next source may do
    return Identity(digits, source)


def _from_macs(macs: Mapping[str, str]) -> Identity | None:
    """Wired interfaces first, since they are soldered on; then by name."""
    for name in sorted(macs, key=lambda name: (not name.startswith(("eth", "en")), name)):
        try:
            return Identity(from_mac(macs[name]), f"MAC of {name} ({macs[name]}) with FFFE")
        except ConfigError:
            continue
    return None


def _advice(kind: str, macs: Mapping[str, str]) -> str:
    refused = []
    for name, mac in sorted(macs.items()):
        try:
            from_mac(mac)
        except ConfigError as error:
            refused.append(f"{name}: {error}")
    why = {
        "auto": "neither the chip, nor a stored value, nor a network interface gives one",
        "chip": "the chip's could not be read",
        "stored": "none was stored",
        "mac": "no network interface has a fixed MAC",
    }[kind]
    told = f" ({'; '.join(refused)})" if refused else ""
    return f"{why}{told}; set gateway.eui to 16 hex digits, for example those on the label"
