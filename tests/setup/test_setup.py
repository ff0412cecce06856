"""`edgemast setup`: the questions with a person who is a list of answers, and the real command."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.__main__ import main
from forwarder.change.service import Systemd
from forwarder.commands import setup as command
from forwarder.config import GatewayConfig, LinkSettings, loads
from forwarder.config.detect import Proposal
from forwarder.doctor.case import Case
from forwarder.errors import ConfigError
from forwarder.setup import presets
from forwarder.setup.answers import Answers, ServerAnswer, to_toml
from forwarder.setup.presets import PRESETS
from forwarder.setup.steps import Given, Setup, SetupError, Trying
from forwarder.setup.talk import Person, Script, chosen
from forwarder.setup.trials import RadioTrial, Trial
from tests.change.test_apply import a_server

EUI = "0016c001ff1c2d3e"
NOBODY = Proposal(None, "no HAT EEPROM, no USB serial device")
GOOD, BAD = Trial(True, ("well",)), Trial(False, ("FAIL reset", "next  edgemast boards"))


class Answering(Person):
    """A person who types these lines; what they are shown is in `seen`."""

    def __init__(self, *lines: str) -> None:
        self._lines = iter(lines)
        self.seen: list[str] = []
        super().__init__(self._type)

    def _type(self, prompt: str) -> str:
        self.seen.append(prompt)
        return next(self._lines)

    def say(self, text: str = "") -> None:
        self.seen.append(text)

    def secret(self, question: str) -> str:
        return self._type(question)


def trying(
    radio: Callable[[GatewayConfig], Trial] = lambda config: GOOD,
    server: Callable[[LinkSettings], Trial] = lambda settings: GOOD,
    found: Proposal = NOBODY,
) -> Trying:
    return Trying(
        radio=lambda config: RadioTrial(radio(config), EUI, Case(config=config)),
        server=lambda settings, eui, case: server(settings),
        keep_password=lambda name, text: f"{name}.password",
        detect=lambda: found,
    )


def talked(person: Answering, given: Given | None = None, tries: Trying | None = None) -> Answers:
    return Setup(person, given or Given(), Path("gateway.toml"), tries or trying()).run()


def test_the_answers_of_a_person_make_the_configuration() -> None:
    person = Answering("rak2287", "EU868", "chirpstack-udp", "192.168.1.10", "")
    answers = talked(person)
    assert answers.board == "rak2287" and answers.region == "EU868"
    assert [s.address for s in answers.servers] == ["192.168.1.10"]


def test_the_board_that_names_itself_is_proposed() -> None:
    found = Proposal("rak7371", "/dev/serial/by-id/x", "usb:/dev/serial/by-id/x")
    answers = talked(Answering("", "EU868", "done"), tries=trying(found=found))
    assert answers.board == "rak7371" and answers.radio == "usb:/dev/serial/by-id/x"


def test_an_answer_that_is_none_is_asked_again_with_what_is_expected() -> None:
    person = Answering("rak2278", "rak2287", "Atlantis", "EU868", "done")
    assert talked(person).board == "rak2287"
    assert any("rak2278 is none of these" in line for line in person.seen)


def test_a_region_with_sub_bands_asks_which() -> None:
    assert talked(Answering("rak2287", "US915", "", "done")).sub_band == 2
    assert talked(Answering("rak2287", "US915", "8", "done")).sub_band == 8


def test_a_radio_that_does_not_start_is_told_and_the_board_asked_again() -> None:
    def radio(config: GatewayConfig) -> Trial:
        return GOOD if config.board == "wm1302" else BAD

    person = Answering("rak2287", "EU868", "n", "wm1302", "EU868", "done")
    assert talked(person, tries=trying(radio=radio)).board == "wm1302"
    assert "  next  edgemast boards" in person.seen


def test_a_board_of_the_command_line_that_does_not_start_is_asked_for() -> None:
    tries = trying(radio=lambda config: GOOD if config.board == "wm1302" else BAD)
    person = Answering("n", "wm1302", "EU868", "done")
    assert talked(person, Given(board="rak2287", region="EU868"), tries).board == "wm1302"


def test_the_lines_to_register_come_before_the_server_is_asked() -> None:
    person = Answering("rak2287", "EU868", "tts-udp", "", "")
    talked(person)
    registration = next(n for n, line in enumerate(person.seen) if EUI in line)
    assert registration < next(n for n, line in enumerate(person.seen) if "Asking" in line)


def test_a_server_that_does_not_answer_can_be_left_out() -> None:
    person = Answering("rak2287", "EU868", "udp", "nowhere", "n", "n", "done")
    assert talked(person, tries=trying(server=lambda settings: BAD)).servers == ()


def test_a_password_that_is_typed_goes_to_a_file_and_not_into_the_configuration() -> None:
    person = Answering("rak2287", "EU868", "chirpstack-mqtt", "ns.lan", "gateway", "hush", "")
    answers = talked(person)
    assert answers.servers[0].password_file == "ns.lan.password"
    assert answers.servers[0].address == "mqtts://ns.lan" and "hush" not in to_toml(answers)


def test_aws_is_a_note_and_no_server() -> None:
    person = Answering("rak2287", "EU868", "aws", "done")
    assert talked(person).servers == ()
    assert any("Basics Station" in line for line in person.seen)


def test_nobody_at_the_terminal_is_an_error_that_names_the_options() -> None:
    def nobody(prompt: str) -> str:
        raise EOFError

    with pytest.raises(ConfigError, match="--board"):
        Setup(Person(nobody), Given(), Path("x.toml"), trying()).run()


def test_a_script_ends_at_a_trial_that_fails_unless_it_is_to_keep_going() -> None:
    words = Given(board="rak2287", region="EU868", scripted=True)
    tries = trying(radio=lambda config: BAD)
    with pytest.raises(SetupError, match="--keep-going"):
        Setup(Script(), words, Path("x.toml"), tries).run()
    going = Given(board="rak2287", region="EU868", scripted=True, keep_going=True)
    assert Setup(Script(), going, Path("x.toml"), tries).run().board == "rak2287"


def test_a_script_without_a_board_says_which_option_is_missing() -> None:
    with pytest.raises(ConfigError, match="--board is missing"):
        Setup(Script(), Given(scripted=True), Path("x.toml"), trying()).run()


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.kind])
def test_every_preset_makes_a_configuration_that_loads(name: str) -> None:
    preset, address = presets.parse(f"{name}:lora.example.org")
    username = "gateway@tenant" if preset.credentials else ""
    row = ServerAnswer(preset.kind, preset.profile, address, username, "p" if username else "")
    (server,) = loads(to_toml(Answers("rak2287", "EU868", servers=(row,))), "x.toml").servers
    assert server.profile == preset.profile


@pytest.mark.parametrize("text", ["chirpstak:x", "aws", "udp", "udp:"])
def test_a_preset_that_is_none_says_what_is_known(text: str) -> None:
    with pytest.raises(ValueError, match=r"NAME:ADDRESS|Basics Station|needs an address"):
        presets.parse(text)


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_is_typed_the_file_is_toml_that_says_the_same(address: str, user: str) -> None:
    row = ServerAnswer("mqtt", "tts", address, user)
    read = tomllib.loads(to_toml(Answers("sim", "EU868", servers=(row,))))["server"][0]
    assert read["address"] == address and read.get("username", "") == user


@given(st.text(max_size=10))
def test_a_choice_is_one_of_those_that_were_offered(text: str) -> None:
    among = {"EU868": "", "US915": ""}
    try:
        assert chosen(text, among) in among
    except ValueError:
        assert text.lower() not in {"eu868", "us915", "1", "2"}


# The command.


def call(file: Path, *words: str) -> int:
    fixed = ("--board", "sim", "--region", "EU868", "--yes", "-c", str(file))
    return main(["setup", *fixed, *words])


def test_the_command_tries_radio_and_server_for_real_and_writes_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "gateway.toml"
    with a_server() as port:
        assert call(file, "--server", f"udp:127.0.0.1:{port}") == 0
    said = capsys.readouterr().out
    assert main(["config", "check", str(file)]) == 0
    assert "the radio receives: SX1302" in said and "answered PULL_DATA" in said


def test_a_server_that_is_not_there_leaves_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "gateway.toml"
    quick = RadioTrial(GOOD, EUI, Case())
    monkeypatch.setattr(command, "Trying", lambda keep_password: Trying(radio=lambda config: quick))
    assert call(file, "--server", "udp:127.0.0.1:1") == 1
    said = capsys.readouterr()
    assert not file.exists() and "refused" in said.out and said.err.count("\n") == 1


def test_a_file_that_exists_is_replaced_only_on_demand_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("mine\n")
    monkeypatch.setattr(command, "Trying", lambda keep_password: trying())
    assert call(file) == 2 and file.read_text() == "mine\n"
    assert call(file, "--replace") == 0 and 'board = "sim"' in file.read_text()
    assert (tmp_path / "gateway.toml.previous").read_text() == "mine\n"


def test_ctrl_c_writes_nothing_and_forgets_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(settings: LinkSettings, eui: str, case: Case) -> Trial:
        assert list(tmp_path.glob("*.password"))
        raise KeyboardInterrupt

    def tries(keep_password: Callable[[str, str], str]) -> Trying:
        radio = RadioTrial(GOOD, EUI, Case())
        return Trying(lambda config: radio, stopped, keep_password, lambda: NOBODY)

    person = Answering("sim", "EU868", "chirpstack-mqtt", "ns.lan", "gateway", "hush")
    monkeypatch.setattr(command, "Trying", tries)
    monkeypatch.setattr(command, "Person", lambda: person)
    monkeypatch.setattr(command, "is_terminal", lambda: True)
    assert main(["setup", "-c", str(tmp_path / "gateway.toml")]) == 130
    assert list(tmp_path.iterdir()) == []


def test_without_a_terminal_it_says_what_to_give_instead(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["setup", "-c", str(tmp_path / "gateway.toml")]) == 2
    assert "--yes" in capsys.readouterr().err


def test_the_service_is_started_now_and_at_boot_once_the_file_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def systemctl(words: tuple[str, ...], limit_s: float = 0) -> tuple[int, str]:
        asked.append(words[1])
        assert file.exists()
        return 0, ""

    file = tmp_path / "gateway.toml"
    monkeypatch.setattr(command, "FILE", file)
    monkeypatch.setattr(command, "run_command", systemctl)
    monkeypatch.setattr(Systemd, "installed", lambda self: True)
    monkeypatch.setattr(command, "Trying", lambda keep_password: trying())
    assert call(file) == 0 and asked == ["enable", "restart"]
