"""Sessions from a file, and the form in which an owner writes a session down."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.edge.errors import SourceError
from forwarder.edge.keys import SoftKey
from forwarder.edge.sources.open import open_source
from forwarder.edge.sources.session_body import parse_push
from forwarder.edge.sources.static import StaticSettings, StaticSource, parse
from forwarder.edge.values import KeyNews, KeyOrigin
from forwarder.errors import ConfigError

from . import tunnels as t

WRAPPED = f'{{ kek_label = "{t.LABEL}", aes_key = "{t.WRAPPED.hex()}" }}'
CLEAR = f'{{ aes_key = "{t.APP_S_KEY.hex()}" }}'
TEXT = f"""
[[session]]
dev_eui = "{t.DEV_EUI.upper()}"
dev_addr = "{t.DEV_ADDR:08x}"
app_s_key = {WRAPPED}
nwk_s_key = {WRAPPED}

[[multicast]]
dev_addr = "fe0000aa"
app_s_key = {WRAPPED}
"""


def settings(path: str = "/sessions.toml", *, allow_clear: bool = False) -> StaticSettings:
    return StaticSettings(file=path, allow_clear=allow_clear)


def file(folder: Path, text: str, mode: int = 0o600) -> StaticSettings:
    path = folder / "sessions.toml"
    path.write_text(text)
    path.chmod(mode)
    return settings(str(path))


def test_every_session_of_the_file_is_told_and_opens(tmp_path: Path) -> None:
    told: asyncio.Queue[KeyNews] = asyncio.Queue()

    async def scenario() -> tuple[KeyNews, KeyNews]:
        source = open_source(file(tmp_path, TEXT), told.put_nowait)
        task = asyncio.create_task(source.run())
        both = await told.get(), await told.get()
        assert not task.done() and source.status()["sessions"] == 2
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return both

    device, group = asyncio.run(scenario())
    assert (device.dev_eui, device.dev_addr, device.pending) == (t.DEV_EUI, t.DEV_ADDR, False)
    assert device.origin is KeyOrigin.STATIC and device.app_s_key and device.f_nwk_s_int
    assert t.TestVault().open(device.app_s_key, "static") == SoftKey(t.APP_S_KEY)
    assert group.multicast and group.dev_addr == 0xFE0000AA
    assert group.dev_eui == "fffffffffe0000aa"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_file_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ConfigError, match="chmod 600"):
        StaticSource(file(tmp_path, TEXT, mode), lambda news: None)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        StaticSource(settings(str(tmp_path / "nowhere.toml")), lambda news: None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[session]", "no TOML"),
        ("typo = 1", "typo"),
        ("[[session]]", "dev_eui"),
        (f'[[session]]\ndev_eui = "{t.DEV_EUI}"\napp_s_key = {WRAPPED}', "session 1: dev_addr"),
        (
            f'[[session]]\ndev_eui = "12"\ndev_addr = "26011bda"\napp_s_key = {WRAPPED}',
            "session 1: dev_eui: 16 hex digits",
        ),
        (f'[[multicast]]\ndev_addr = ""\napp_s_key = {WRAPPED}', "multicast 1: dev_addr"),
        (TEXT.replace(WRAPPED, CLEAR), "session 1: a key in clear; wrap it"),
        (TEXT.replace(t.WRAPPED.hex(), t.WRAPPED.hex()[:-2]), "came 23"),
    ],
)
def test_a_mistake_in_the_file_names_its_row_and_no_key(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        StaticSource(file(tmp_path, text), lambda news: None)
    assert str(tmp_path) in str(caught.value)
    assert t.APP_S_KEY.hex() not in str(caught.value)


def test_keys_in_clear_are_read_where_a_setting_allows_them() -> None:
    news = parse(TEXT.replace(WRAPPED, CLEAR).encode(), settings(allow_clear=True))
    assert len(news) == 2


def test_settings_and_bodies_print_no_key() -> None:
    from forwarder.edge.sources.session_body import KeyBody

    assert t.APP_S_KEY.hex() not in repr(KeyBody(aes_key=t.APP_S_KEY.hex()))


@given(st.binary(max_size=300) | st.text('[]{}="session_dev0a\n.#', max_size=200).map(str.encode))
def test_any_file_is_sessions_or_an_error_with_words(data: bytes) -> None:
    try:
        parse(data, settings())
    except SourceError as error:
        assert str(error)


@given(st.data())
def test_a_damaged_file_is_sessions_or_an_error_with_words(data: st.DataObject) -> None:
    text = bytearray(TEXT.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    try:
        parse(bytes(text), settings())
    except SourceError as error:
        assert str(error)


BODY = st.fixed_dictionaries(
    {"dev_eui": st.sampled_from([t.DEV_EUI, "", "0x" + t.DEV_EUI]) | st.text(max_size=20)},
    optional={
        "dev_addr": st.text("0123456789abcdefx", max_size=10),
        "lorawan": st.sampled_from(["1.0", "1.1", "2"]),
        "session_id": st.text("0123456789abcdefg", max_size=20),
        "app_s_key": st.fixed_dictionaries(
            {"aes_key": st.binary(max_size=26).map(bytes.hex)},
            optional={"kek_label": st.text(max_size=9)},
        ),
        "nwk_s_key": st.none() | st.fixed_dictionaries({"aes_key": st.just(t.WRAPPED.hex())}),
        "lifetime_s": st.integers(),
    },
)


@given(st.binary(max_size=300) | BODY.map(t.encoded))
def test_any_pushed_body_is_a_session_or_an_error_with_words(data: bytes) -> None:
    try:
        news = parse_push(data, "push")
    except SourceError as error:
        assert str(error)
    else:
        assert news.dev_eui == t.DEV_EUI and (news.app_s_key or news.f_nwk_s_int)
