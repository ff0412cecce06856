"""Runs one target under a coverage-guided fuzzer (atheris); `scripts/fuzz` calls this.

python -m tests.fuzz TARGET [libFuzzer options and corpus folders]
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module


def main(arguments: list[str]) -> None:
    # Only in the environment that scripts/fuzz makes: nothing else of the project needs it.
    atheris = import_module("atheris")
    logging.disable()
    with atheris.instrument_imports(include=["hal", "forwarder"]):
        targets = import_module("tests.fuzz.targets")
        if not arguments or arguments[0] not in targets.TARGETS:
            raise SystemExit(f"a target expected: {', '.join(targets.TARGETS)}")
        target = targets.TARGETS[arguments[0]]
        # What a target imports when it is first called is watched as well.
        for seed in (
            b"",
            bytes(300),
            *(path.read_bytes() for path in targets.corpus(arguments[0])),
        ):
            target(seed)
    atheris.Setup([sys.argv[0], *arguments[1:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
