"""Replays the recorded start-up on a simulated board: the host's side of golden/startup-*.jsonl."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hal.sim.transport import SimTransport
from hal.transport.base import Command, Modify, Read, Target, Write

TARGETS = {"radio_a": Target.RADIO_A, "radio_b": Target.RADIO_B, "sx1261": Target.SX1261}
IMAGE = bytes(range(256)) * 32  # the firmware's bytes do not matter to the simulated controllers


def rows(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        yield json.loads(line)


def replay(transport: SimTransport, row: dict[str, Any]) -> dict[str, str]:
    """Do one recorded transaction; gives what the board answered, in the recording's words."""
    address = int(row.get("addr", "0"), 16)
    match row["op"]:
        case "w":
            transport.transfer([Write(address, bytes.fromhex(row["data"]))])
        case "r":
            return {"data": transport.transfer([Read(address, row["len"])])[0].hex()}
        case "rmw":
            modify = Modify(address, int(row["mask"], 16), int(row["value"], 16))
            old = transport.transfer([modify])[0]
            return {"old": old.hex(), "new": f"{transport.board.registers.peek(address):02x}"}
        case "cmd":
            args = bytes.fromhex(row["tx"])
            command = Command(TARGETS[row["tgt"]], int(row["code"], 16), args)
            return {"rx": transport.transfer([command])[0].hex()}
        case "w_image":
            transport.transfer([Write(address, IMAGE)])
        case "r_image":
            assert transport.transfer([Read(address, row["len"])])[0] == IMAGE
        case "gpio":
            transport.board.set_line(row["pin"], row["val"])
    return {}
