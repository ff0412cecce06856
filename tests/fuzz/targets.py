"""The targets by name, what each begins with, and how long its inputs may get."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import forwarder_targets as forwarder
from . import hal_targets as hal
from .chirpstack_target import fuzz_chirpstack
from .gps_target import fuzz_gps, fuzz_leap_table
from .migrate_target import fuzz_migrate
from .server_target import fuzz_demo_server
from .tts_target import fuzz_tts_down

Target = Callable[[bytes], None]

CORPUS = Path(__file__).parent / "corpus"

TARGETS: dict[str, Target] = {
    "fifo": hal.fuzz_fifo,
    "bridge-answers": hal.fuzz_bridge_answers,
    "chip-answers": hal.fuzz_chip_answers,
    "trace": hal.fuzz_trace,
    "sim-bridge": hal.fuzz_sim_bridge,
    "sim-chip": hal.fuzz_sim_chip,
    "control": hal.fuzz_control,
    "var": hal.fuzz_var,
    "pull-resp": forwarder.fuzz_pull_resp,
    "session": forwarder.fuzz_session,
    "config-json": forwarder.fuzz_config_json,
    "config-toml": forwarder.fuzz_config_toml,
    "scenario": forwarder.fuzz_scenario,
    "replay": forwarder.fuzz_replay,
    "frame": forwarder.fuzz_frame,
    "demo-server": fuzz_demo_server,
    "chirpstack": fuzz_chirpstack,
    "migrate": fuzz_migrate,
    "tts-down": fuzz_tts_down,
    "gps": fuzz_gps,
    "leap-table": fuzz_leap_table,
}


def corpus(name: str) -> list[Path]:
    """The inputs that once were findings, and those that lead deep."""
    return sorted(path for path in (CORPUS / name).glob("*") if path.is_file())
