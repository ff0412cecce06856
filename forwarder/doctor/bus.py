"""From the setting to the open device: bus enabled, node there, allowed, and nobody on it."""

from __future__ import annotations

import re

from hal.transport.lock import SYSTEM_DIRECTORY, holder

from .case import Case
from .values import Finding, fail, ok, skipped, warn

OURS = re.compile(r"(edgemast|forwarder) run ")  # as the lock names a gateway
GROUPS = {"spi": "spi", "usb": "dialout"}


def enabled(case: Case) -> Finding:
    """Whether the device tree has the SPI bus on, and which line of config.txt would do it."""
    machine = case.machine
    number = re.search(r"spidev(\d+)\.", case.device)
    if machine.model() is None:
        return ok("this is no Raspberry Pi: whether SPI is on shows in the device")
    if number is None:
        return ok(f"{case.device} is a name of its own: whether SPI is on shows in the device")
    bus = f"spi{number[1]}"
    status = machine.node_status(bus)
    said = ", ".join(machine.boot_lines(r"^(dtparam|dtoverlay)=.*spi")) or "nothing about SPI"
    where = machine.boot_config()
    if status == "okay":
        return ok(f"{bus} is on in the device tree; {where} says {said}")
    return fail(
        f"{bus} is {status or 'not there'} in the device tree; {where} says {said}",
        f"{bus} on",
        f"dtparam=spi=on is missing in {where}",
        "it was added, and the machine not rebooted since",
        next="sudo raspi-config nonint do_spi 0 && sudo reboot",
    )


def i2c(case: Case) -> Finding:
    """Whether the bus of the temperature sensor is on, where the board has its sensor there."""
    bus, address = _sensor(case)
    if not bus:
        return skipped("no sensor on I2C is known of this board")
    machine = case.machine
    if machine.exists(bus):
        return ok(f"{bus} is there, for the temperature sensor at {address}")
    return warn(
        f"{bus} does not exist: the temperature sensor at {address} is not read",
        "I2C on: RSSI is compensated for the temperature",
        f"dtparam=i2c_arm=on is missing in {machine.boot_config()}",
        "the driver i2c-dev is not loaded",
        next="sudo raspi-config nonint do_i2c 0 && sudo reboot",
    )


def _sensor(case: Case) -> tuple[str, str]:
    from ..config import boards

    name = case.board or ""
    told = boards.read(name).temperature if name else ""
    path, _, address = told.partition(" ")
    return (path, address) if address else ("", "")


def board(case: Case) -> Finding:
    """Whether the configured board is the one that says its name."""
    from ..config import detect

    found = detect.detect(case.machine.root)
    if case.board is None:
        if found.board:
            return warn(
                f"no board is named; this is {found.board} ({found.why})",
                f'board = "{found.board}"',
                next=f"edgemast boards {found.board}",
            )
        return skipped(f"no board is named; {found.why}")
    if found.board in (None, case.board):
        return ok(f"{case.board} is configured" + (f"; {found.why}" if found.board else ""))
    return warn(
        f"{case.board} is configured, and the {found.why} says {found.board}",
        "the board that is there: lines and gain tables differ",
        "the configuration is of another gateway",
        "the HAT carries another card than it was made for",
        next=f"edgemast boards {found.board}",
    )


def node(case: Case) -> Finding:
    """Whether the device is there."""
    machine = case.machine
    if machine.exists(case.device):
        return ok(f"{case.device} is there")
    return _no_usb(case) if case.scheme == "usb" else _no_spi(case)


def _no_spi(case: Case) -> Finding:
    machine = case.machine
    there = machine.names("/dev", "spidev*")
    usb = machine.names("/dev/serial/by-id", "*")
    causes = ["the overlay of another HAT took the bus", "the driver spidev is not loaded"]
    if usb:
        causes.insert(0, f'the board is a USB one: radio = "usb:{usb[0]}"')
    return fail(
        f"{case.device} does not exist; found: {', '.join(there) or 'no spidev at all'}",
        f"the device {case.device}",
        *causes,
        next="ls -l /dev/spidev*; dmesg | grep -i spi",
    )


def _no_usb(case: Case) -> Finding:
    machine = case.machine
    there = machine.names("/dev/serial/by-id", "*") or machine.names("/dev", "ttyACM*")
    return fail(
        f"{case.device} does not exist; found: {', '.join(there) or 'no USB serial device'}",
        f"the device {case.device}",
        "the board is not plugged in, or its cable carries power only",
        "it came back under another number: use its name in /dev/serial/by-id",
        "it is an SPI board: name the board in the configuration",
        next="lsusb; dmesg | tail -20",
    )


def permission(case: Case) -> Finding:
    """Whether this user may open it."""
    machine, user = case.machine, case.machine.user()
    if machine.may_open(case.device):
        return ok(f"{user} may read and write {case.device}")
    group = machine.group_of(case.device)
    usual = GROUPS[case.scheme]
    causes = [f"{user} is not in the group {group}, or has not logged in again since"]
    if group == "root":
        causes = [f"the udev rule that gives {case.device} to the group {usual} is missing"]
    return fail(
        f"{case.device} belongs to the group {group}; {user} may not open it",
        "read and write",
        *causes,
        next=f"sudo usermod -aG {usual if group == 'root' else group} {user}",
    )


def free(case: Case) -> Finding:
    """Whether anybody else has the board. A running Edgemast does, and that is well."""
    machine = case.machine
    locks = [str(machine.path(SYSTEM_DIRECTORY)), str(machine.path("/tmp"))]
    locked = holder(case.device, directories=locks)
    if locked and OURS.match(locked):
        case.running = locked
        return skipped(f"{locked} has the board; stop it to have the chip itself examined")
    who = [locked] if locked else machine.holders(case.device)
    if not who:
        return ok("no other program has it")
    return fail(
        f"{case.device} is in use by {', '.join(who)}",
        "the board for us alone",
        "another packet forwarder is started at boot",
        "an earlier one was not stopped",
        next="systemctl list-units --type=service --state=running",
    )


def service(case: Case) -> Finding:
    """What systemd says of the gateway."""
    words = ("systemctl", "show", "edgemast.service", "--property")
    told = case.machine.run((*words, "LoadState,ActiveState,SubState,NRestarts,StatusText"))
    state = dict(line.partition("=")[::2] for line in (told or "").splitlines())
    if state.get("LoadState") != "loaded":
        return skipped("edgemast.service is not installed here")
    text = f"{state.get('ActiveState')} ({state.get('SubState')})"
    if state.get("StatusText"):
        text += f": {state['StatusText']}"
    restarts = int(state["NRestarts"]) if state.get("NRestarts", "").isdigit() else 0
    if state.get("ActiveState") == "failed" or restarts > 0:
        return warn(
            f"{text}, restarted {restarts} times",
            "a service that stays up",
            "what the checks below find",
            next="journalctl -u edgemast -n 50",
        )
    return ok(text)
