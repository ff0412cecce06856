"""Every fuzz target on its corpus and on a second of whatever comes. Rung 1 and 2."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .targets import CORPUS, TARGETS, corpus

FILES = [(name, path) for name in TARGETS for path in corpus(name)]


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    """What the parts have to say about damage is not what is tested here."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize(("name", "path"), FILES, ids=[f"{n}/{p.name}" for n, p in FILES])
def test_what_once_was_a_finding_stays_fixed(name: str, path: Path) -> None:
    TARGETS[name](path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_the_target_holds(name: str) -> None:
    @settings(
        max_examples=120,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(max_size=400))
    def holds(data: bytes) -> None:
        TARGETS[name](data)

    holds()


def test_every_corpus_folder_belongs_to_a_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} <= set(TARGETS)
