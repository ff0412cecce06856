"""The command line as others rely on it: help with an example, exit codes, one line of error."""

from __future__ import annotations

import argparse
import shlex

import pytest

from forwarder.__main__ import COMMANDS, command, main


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module, _ = command(name)
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    assert module.HELP[:30] in shown and f"example: {module.EXAMPLE}" in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_is_one_of_its_command(name: str) -> None:
    module, parser = command(name)
    program, called, *arguments = shlex.split(module.EXAMPLE)
    assert (program, called) == ("edgemast", name)
    assert isinstance(parser.parse_args(arguments), argparse.Namespace)


def test_the_overview_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    listed = {line.split()[0] for line in lines if line.startswith("  ") and line.strip()}
    assert ended.value.code == 0 and listed >= set(COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="nothing"),
        pytest.param(["rnu"], id="no such command"),
        pytest.param(["--nonsense"], id="no such option"),
        pytest.param(["--nonsense", "demo"], id="an option before the command"),
        pytest.param(["airtime"], id="what is required is missing"),
        pytest.param(["airtime", "--sf", "seven"], id="not a number"),
        pytest.param(["config", "polish"], id="no such action"),
        pytest.param(["run", "-c", "/nowhere/gateway.toml"], id="no such file"),
    ],
)
def test_wrong_usage_is_2_and_one_line_that_says_what_to_do(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(arguments)
    except SystemExit as ended:
        code = ended.code
    said = capsys.readouterr()
    assert code == 2 and said.out == ""
    assert said.err.startswith("edgemast") and said.err.count("\n") == 1


def test_a_radio_that_is_not_there_is_1_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chip-id", "--radio", "usb:/dev/no-such-board"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
