"""The page as a person sees it: a whole gateway with devices, and the system's Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.page.browser import Browser, LiveGateway, need_browser, until

NO_CANVAS = "HTMLCanvasElement.prototype.getContext = () => null;"
NO_EVENTS = """
window.EventSource = class { constructor() { this.readyState = 2; } addEventListener(name, tell) { if (name === "error") setTimeout(tell, 0); } close() {} };
window.EventSource.CLOSED = 2;
"""
# The second server does not exist: the page has something to say about it.
AWAY = '[[server]]\nname = "away"\naddress = "127.0.0.1"\nport = 9\n'


@pytest.fixture(scope="module")
def live() -> Iterator[LiveGateway]:
    need_browser()
    with LiveGateway(beside=AWAY) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def chromium(live: LiveGateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def browser(chromium: Browser, live: LiveGateway) -> Browser:
    """On the page, with what it shows at first."""
    chromium.complaints()
    chromium.requested()
    chromium.size(1280, 900)
    show(chromium, live)
    return chromium


def show(browser: Browser, live: LiveGateway) -> None:
    browser.open(live.url)
    until(lambda: "Receiving" in browser.text("h1"), "the first state")


def rows(browser: Browser) -> int:
    return int(browser.run("return document.querySelectorAll('#frames-table tbody tr').length"))


def test_frames_come_by_themselves_and_the_page_says_how_things_are(browser: Browser) -> None:
    until(lambda: rows(browser) >= 2, "frames")
    assert browser.text("h1") == "Receiving, but 1 server of 2 cannot be reached."
    assert browser.text("#live-text") == "live"
    assert "join request" in browser.text("#frames-table") or "data up" in browser.text(
        "#frames-table"
    )
    assert re.search(r"away.*waiting for an answer.*refused", browser.text("#links-list"))
    before = browser.text("#frames-table tbody")
    until(lambda: re.sub(r"\d+ (s|min) ago|now", "", browser.text("#frames-table tbody"))
          != re.sub(r"\d+ (s|min) ago|now", "", before), "another frame")  # fmt: skip
    assert browser.complaints() == []


def test_nothing_is_asked_of_any_other_host(browser: Browser, live: LiveGateway) -> None:
    until(lambda: rows(browser) >= 1, "frames")
    asked = {url for url in browser.requested() if url.startswith(("http", "ws", "ftp"))}
    assert {url for url in asked if not url.startswith(live.url)} == set()
    assert live.url + "events" in asked and live.url + "state.json" not in asked


@pytest.mark.parametrize("width", [360, 320, 768])
def test_a_narrow_screen_scrolls_in_one_direction_only(browser: Browser, width: int) -> None:
    until(lambda: rows(browser) >= 2, "frames")
    browser.size(width, 740)
    wide = "return [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll, .sr, .skip, thead')).map((e) => e.outerHTML.slice(0, 80))"
    until(lambda: browser.run("return innerWidth") == width, "the size")
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.run(wide) == []


def test_what_is_heard_read_and_typed_has_a_name(browser: Browser) -> None:
    until(lambda: rows(browser) >= 2, "frames")
    assert browser.run("return document.querySelectorAll('main, header, footer').length") == 3
    levels = browser.run(
        "return [...document.querySelectorAll('h1, h2, h3')].filter((e) => e.checkVisibility()).map((e) => +e.tagName[1])"
    )
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert browser.run(
        "return [...document.querySelectorAll('table')].every((t) => t.caption && t.querySelector('th[scope=col]'))"
    )
    assert browser.run(
        "return [...document.querySelectorAll('select, input, button')].every((e) => e.labels?.length || e.textContent.trim())"
    )
    assert browser.run(
        "return [...document.querySelectorAll('section')].every((s) => document.getElementById(s.getAttribute('aria-labelledby')))"
    )
    assert browser.run("return document.querySelector('h1').getAttribute('aria-live')") == "polite"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_its_ground(browser: Browser, scheme: str) -> None:
    browser.prefer(color_scheme=scheme)
    found = browser.run("""
        const style = getComputedStyle(document.documentElement);
        const light = (name) => {
          const hex = style.getPropertyValue(name).trim().slice(1);
          const part = (i) => { const c = parseInt(hex.slice(i, i + 2), 16) / 255; return c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4; };
          return .2126 * part(0) + .7152 * part(2) + .0722 * part(4);
        };
        const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort(); return (y + .05) / (x + .05); };
        return [["--ink", "--bg"], ["--muted", "--bg"], ["--muted", "--card"], ["--accent", "--card"], ["--accent", "--soft"],
                ["--good", "--soft"], ["--warn", "--warn-soft"], ["--bad", "--bad-soft"], ["--bad", "--card"], ["--muted", "--plot"],
                ["--ink", "--warn-soft"]].map(([a, b]) => [a, b, contrast(a, b)]);
    """)
    browser.prefer(color_scheme="light")
    assert [pair for pair in found if pair[2] < 4.5] == [], "WCAG 2.2, 1.4.3"


def test_who_wants_no_motion_gets_none(browser: Browser) -> None:
    moving = "return getComputedStyle(document.querySelector('.dot')).animationName"
    until(lambda: browser.run(moving) == "breathe", "a live mark")
    browser.prefer(reduced_motion="reduce")
    assert browser.run(moving) == "none"
    browser.prefer(reduced_motion="no-preference")


def test_open_details_and_the_focus_stay_while_the_page_changes(
    browser: Browser, live: LiveGateway
) -> None:
    until(lambda: rows(browser) >= 1, "frames")
    browser.run(
        "document.querySelector('#signal details').open = true; document.querySelector('#frames-which').focus()"
    )
    uptime = browser.text("#figures")
    until(lambda: browser.text("#figures") != uptime, "the next state")
    assert browser.run("return document.querySelector('#signal details').open")
    assert browser.run("return document.activeElement.id") == "frames-which"


def test_frames_can_be_held_still_and_chosen(browser: Browser, live: LiveGateway) -> None:
    until(lambda: rows(browser) >= 2, "frames")
    browser.run(
        "document.querySelector('#frames-which').value = 'down'; document.querySelector('#frames-which').dispatchEvent(new Event('change'))"
    )
    assert "received:" not in browser.text("#frames-table tbody")
    browser.run(
        "document.querySelector('#frames-which').value = 'all'; document.querySelector('#frames-which').dispatchEvent(new Event('change'))"
    )
    browser.run("document.querySelector('#frames-pause').click()")
    assert (
        browser.run("return document.querySelector('#frames-pause').getAttribute('aria-pressed')")
        == "true"
    )
    assert "held still" in browser.text("#frames-table caption")


def test_without_canvas_the_table_says_it(browser: Browser, live: LiveGateway) -> None:
    script = browser.tell("Page.addScriptToEvaluateOnNewDocument", source=NO_CANVAS)
    browser.complaints()
    show(browser, live)
    until(lambda: "dBm" in browser.text("#signal-table"), "the table of the signal")
    assert browser.complaints() == []
    browser.tell("Page.removeScriptToEvaluateOnNewDocument", identifier=script["identifier"])


def test_where_events_do_not_pass_the_page_asks(browser: Browser, live: LiveGateway) -> None:
    script = browser.tell("Page.addScriptToEvaluateOnNewDocument", source=NO_EVENTS)
    browser.open(live.url)
    until(lambda: "Receiving" in browser.text("h1"), "the state")
    assert live.url + "state.json" in browser.requested()
    browser.tell("Page.removeScriptToEvaluateOnNewDocument", identifier=script["identifier"])


def test_the_page_outlives_a_restart_of_the_gateway(chromium: Browser) -> None:
    with LiveGateway() as first:
        chromium.open(first.url)
        until(lambda: "All is well" in chromium.text("h1"), "the first gateway")
    with LiveGateway(first.port) as second:
        started = second.gateway.started_s
        until(lambda: newest_ms(chromium) > started * 1000, "frames of the second gateway")
        assert chromium.text("#live-text") == "live"
        assert chromium.text("h1") == "All is well. The server is connected."


def newest_ms(browser: Browser) -> float:
    shown = "Date.parse(document.querySelector('#frames-table tbody time')?.dateTime)"
    return float(browser.run(f"return {shown} || 0"))
