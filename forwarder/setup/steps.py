"""The questions in their order, each answer tried before the next one is asked.

Nothing is written until all is answered: whoever stops in between has changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ..commands.whoami import registration
from ..config import GatewayConfig, LinkSettings, boards, data, detect, loads
from ..config.detect import Proposal
from ..doctor.case import Case
from ..errors import ConfigError, EdgemastError
from . import presets, trials
from .answers import Answers, ServerAnswer, to_toml
from .presets import PRESETS, Preset
from .talk import Talk, chosen, listed

SUB_BANDS = {"US915": (8, 2), "AU915": (8, 2), "CN470": (12, 11)}  # how many, and a usual one
FINISHED = "done"


class SetupError(EdgemastError):
    """An answer did not stand its trial, and nobody is there to give another."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line says already; None and empty where it does not."""

    board: str | None = None
    region: str | None = None
    sub_band: int | None = None
    servers: tuple[str, ...] = ()
    username: str = ""
    password_file: str = ""
    keep_going: bool = False
    scripted: bool = False


@dataclass(frozen=True, slots=True)
class Trying:
    """What tries an answer, and where a password that was typed is kept."""

    radio: Callable[[GatewayConfig], trials.RadioTrial] = trials.radio
    server: Callable[[LinkSettings, str, Case], trials.Trial] = trials.server
    keep_password: Callable[[str, str], str] = lambda name, text: ""
    detect: Callable[[], Proposal] = detect.detect


class Setup:
    """One conversation; `file` is where the configuration will be."""

    def __init__(self, talk: Talk, given: Given, file: Path, trying: Trying) -> None:
        self._talk = talk
        self._given = given
        self._file = file
        self._try = trying

    def run(self) -> Answers:
        """Everything that is needed. Raises SetupError where a trial failed and nobody is asked."""
        answers, tried = self._radio()
        eui = tried.eui
        if eui is None:
            self._talk.say("No EUI was found: set gateway.eui in the file (edgemast whoami).")
        else:
            self._talk.say(f"\nRegister this gateway before its server is asked; EUI {eui}:\n")
            for line in registration(eui, answers.region, answers.sub_band):
                self._talk.say(f"  {line}")
        return self._servers(answers, eui or "0" * 16, tried.case)

    # Board, region, radio.

    def _radio(self) -> tuple[Answers, trials.RadioTrial]:
        proposal = self._try.detect()
        while True:
            answers = self._board(proposal)
            answers = self._region(answers)
            self._talk.say("Starting the radio ...")
            tried = self._try.radio(self._config(answers))
            if self._stands(tried.trial, "the radio does not start"):
                return answers, tried
            self._given = replace(self._given, board=None, region=None, sub_band=None)

    def _board(self, proposal: Proposal) -> Answers:
        names = {
            name: f"{file.name}, {boards.bus(file)}"
            for name in data.names("boards")
            if (file := boards.read(name))
        }
        if self._given.board:
            name = self._given.board
            if name.lower() == "auto":
                name = proposal.board or ""
                if not name:
                    raise ConfigError(f"--board auto: {proposal.why}; {proposal.advice()}")
            boards.read(name)
        else:
            self._talk.say("\nWhich board?")
            for line in listed(names):
                self._talk.say(line)
            self._talk.say(f"Found: {proposal.why}.")
            if not proposal.board and proposal.candidates:
                self._talk.say(f"One of: {', '.join(proposal.candidates)}?")
            found = proposal.board or ""
            name = self._talk.ask("Board", found, "--board", lambda text: chosen(text, names))
        usb = boards.bus(boards.read(name)) == "USB"
        return Answers(name.lower(), "", radio=proposal.radio if usb else "")

    def _region(self, answers: Answers) -> Answers:
        known = boards.regions(boards.read(answers.board))
        given = self._given.region
        if given is None:
            self._talk.say(f"\nWhich region's frequencies? {', '.join(known)}")
        among = dict.fromkeys(known, "")
        # AS923 is AS923-1 to whoever writes a configuration (regions.py); leave that to it.
        region = given or self._talk.ask("Region", "", "--region", lambda text: chosen(text, among))
        sub_band = self._given.sub_band
        if sub_band is None and region.upper() in SUB_BANDS:
            many, usual = SUB_BANDS[region.upper()]
            numbers = {str(number): "" for number in range(1, many + 1)}
            question = f"Sub-band, 1 to {many}, the one that the devices use"
            text = self._talk.ask(question, str(usual), "--sub-band", lambda t: chosen(t, numbers))
            sub_band = int(text)
        return replace(answers, region=region, sub_band=sub_band)

    # Servers.

    def _servers(self, answers: Answers, eui: str, case: Case) -> Answers:
        for text in self._given.servers:
            answers = self._with(answers, *_parsed(text), eui, case)
        while not self._given.servers and (asked := self._preset(bool(answers.servers))):
            if asked.note:
                self._talk.say(f"  {asked.note}")
            if not asked.kind:
                continue
            address = self._talk.ask("Address", asked.usual, "--server", _address)
            address = presets.with_scheme(asked, address)
            answers = self._with(answers, asked, address, eui, case)
        return answers

    def _preset(self, has_one: bool) -> Preset | None:
        among = {name: preset.title for name, preset in PRESETS.items()} | {FINISHED: "no more"}
        self._talk.say("\nWhich server?")
        for line in listed(among):
            self._talk.say(line)
        proposal = FINISHED if has_one or self._given.scripted else ""
        name = self._talk.ask("Server", proposal, "--server", lambda text: chosen(text, among))
        return PRESETS.get(name)

    def _with(
        self, answers: Answers, preset: Preset, address: str, eui: str, case: Case
    ) -> Answers:
        """`answers` and this server, if it stands its trial; without it where it is given up."""
        while True:
            row = self._credentials(ServerAnswer(preset.kind, preset.profile, address), preset)
            more = replace(answers, servers=(*answers.servers, row))
            self._talk.say(f"Asking {address} ...")
            settings = self._config(more).servers_for(eui)[-1]
            trial = self._try.server(settings, eui, case)
            if self._stands(trial, f"{address} does not answer as it should"):
                return more
            if not self._talk.confirm("Try this server again?", otherwise=True):
                return answers

    def _credentials(self, row: ServerAnswer, preset: Preset) -> ServerAnswer:
        if not preset.credentials:
            return row
        given = self._given
        if given.username or given.password_file or given.scripted:
            return replace(row, username=given.username, password_file=given.password_file)
        username = self._talk.ask("User name, empty for none", "", "--username", str.strip)
        if not username:
            return row
        password = self._talk.secret("Password, empty for none")
        name = row.address.partition("://")[2].partition(":")[0].strip("/") or "broker"
        kept = self._try.keep_password(name, password) if password else ""
        return replace(row, username=username, password_file=kept)

    # One answer.

    def _config(self, answers: Answers) -> GatewayConfig:
        return loads(to_toml(answers), str(self._file))

    def _stands(self, trial: trials.Trial, what: str) -> bool:
        """Whether to go on with it."""
        for line in trial.text:
            self._talk.say(f"  {line}")
        if trial.good or self._given.keep_going:
            return True
        if self._given.scripted:
            raise SetupError(f"{what} (see above); --keep-going writes the file all the same")
        return self._talk.confirm("Keep this answer all the same?", otherwise=False)


def _parsed(text: str) -> tuple[Preset, str]:
    try:
        return presets.parse(text)
    except ValueError as error:
        raise ConfigError(f"--server: {error}") from error


def _address(text: str) -> str:
    if not text:
        raise ValueError("an address is expected, as in lora.example.org or 192.168.1.10:1700")
    return text
