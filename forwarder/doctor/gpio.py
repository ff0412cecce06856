"""The lines that power and reset an SPI board: which chip, who holds them, chip selects."""

from __future__ import annotations

from hal.errors import TransportError
from hal.gpio import CONSUMER, Header, look

from ..config.boards import pin
from .case import Case
from .values import Finding, fail, ok, skipped, warn

CHIP_SELECTS = {7: ("/dev/spidev0.1", "spi0-1cs"), 8: ("/dev/spidev0.0", "spi0-0cs")}
HELD_LINE = "anon_inode:gpio-line"  # what an open line is called in /proc/PID/fd


def lines(case: Case) -> Finding:
    """Whether the board's lines can be ours."""
    wanted = case.lines.resting() if case.lines else {}
    if not wanted:
        return warn(
            "no line is configured: the chip is never reset",
            "at least the reset line",
            "no board is named, or the radio's URI has no reset=",
            next="edgemast boards",
        )
    try:
        header = look(wanted, case.gpio)
    except TransportError as error:
        return fail(
            str(error),
            "the GPIO chip of the header, readable",
            "this user is not in the group gpio",
            "gpiod is missing: pip install 'edgemast[pi]'",
            next="gpiodetect",
        )
    if header.used:
        return _in_use(case, header)
    told = "; ".join(pin(line) for line in sorted(wanted))
    return ok(f"{told}: free on {header.path} ({header.label})")


def _in_use(case: Case, header: Header) -> Finding:
    line, consumer = next(iter(sorted(header.used.items())))
    if consumer == CONSUMER and (running := case.machine.processes_with(HELD_LINE)):
        return skipped(f"{', '.join(running)} holds them, as it should")
    who = case.machine.processes_with(HELD_LINE)
    told = f"; lines are held by {', '.join(who)}" if who else ""
    node, overlay = CHIP_SELECTS.get(line, ("", ""))
    if "spi" in consumer.lower() or (node and case.machine.exists(node)):
        where = case.machine.boot_config()
        return fail(
            f"{pin(line)} is in use by {consumer}, as a chip select of the SPI driver{told}",
            "the line free",
            f"the SPI driver owns it: dtoverlay={overlay or 'spi0-1cs'} in {where} frees it",
            next=f"echo dtoverlay={overlay or 'spi0-1cs'} | sudo tee -a {where} && sudo reboot",
        )
    return fail(
        f"{pin(line)} of {header.label} is in use by {consumer}{told}",
        "the line free",
        "another program resets or powers something by it",
        "the board's lines in the configuration are those of another board",
        next="gpioinfo | grep -w used; edgemast boards",
    )


def chip_select(case: Case) -> Finding:
    """Whether a line of the board is also one of the SPI driver's chip selects."""
    wanted = case.lines.resting() if case.lines else {}
    for line, (node, overlay) in CHIP_SELECTS.items():
        if line in wanted and case.machine.exists(node):
            where = case.machine.boot_config()
            return fail(
                f"{pin(line)} is a line of the board, and {node} makes it a chip select",
                "one of the two",
                f"the SPI driver has both chip selects: dtoverlay={overlay} frees {pin(line)}",
                next=f"echo dtoverlay={overlay} | sudo tee -a {where} && sudo reboot",
            )
    return ok("no line of the board is a chip select")
