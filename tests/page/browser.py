"""A real Chromium without a window, and a gateway with simulated devices for it to look at."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from forwarder.app import Gateway
from forwarder.config import GatewayConfig, loads
from forwarder.sim.demo import Demo, udp_config_text
from forwarder.sim.scenario import load

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
PATIENCE_S = 20.0
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
)  # fmt: skip


class LiveGateway:
    """The demo's gateway, devices and server in a thread of their own, with a page on `port`."""

    def __init__(self, port: int = 0, *, beside: str = "") -> None:
        self.port = port
        self._beside = beside
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._demo: Demo | None = None
        self._task: asyncio.Task[None] | None = None

    def __enter__(self) -> LiveGateway:
        self._thread.start()
        page = until(lambda: self._gateway and self._gateway.page, "a page")
        until(page.listening.is_set, "that it listens")
        self.port = page.port
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:  # fmt: skip
        if self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(PATIENCE_S)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def gateway(self) -> Gateway:
        found = self._gateway
        assert found is not None
        return found

    @property
    def _gateway(self) -> Gateway | None:
        return self._demo._gateway if self._demo else None

    def _main(self) -> None:
        config, page = self._beside, f'[page]\nlisten = "127.0.0.1:{self.port}"\n'

        class Seen(Demo):
            def _config(self, host: str, port: int) -> GatewayConfig:
                text = udp_config_text(self._scenario, host, port)
                return loads(text + config + page, "demo.toml")

        async def run() -> None:
            self._demo = Seen(load("demo"), lambda line, at_s: None)
            self._task = asyncio.ensure_future(self._demo.run())
            await asyncio.gather(self._task, return_exceptions=True)

        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(run())


class Browser:
    """One page in it. Sizes are CSS pixels."""

    def __init__(self, profile: Path) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self._driver: Any = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
        self.width = 1280
        self.size(1280, 900)

    def open(self, url: str) -> None:
        self._driver.get(url)

    def run(self, script: str, *values: object) -> Any:
        return self._driver.execute_script(script, *values)

    def text(self, selector: str) -> str:
        return str(
            self.run("return document.querySelector(arguments[0])?.textContent ?? ''", selector)
        )

    def tell(self, command: str, **values: object) -> Any:
        return self._driver.execute_cdp_cmd(command, values)

    def size(self, width: int, height: int) -> None:
        self.width = width
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 500)  # fmt: skip

    def prefer(self, **features: str) -> None:
        told = [
            {"name": f"prefers-{name.replace('_', '-')}", "value": value}
            for name, value in features.items()
        ]
        self.tell("Emulation.setEmulatedMedia", features=told)

    def complaints(self) -> list[str]:
        """What the console says since it was last asked."""
        return [entry["message"] for entry in self._driver.get_log("browser")]

    def requested(self) -> set[str]:
        """Every address that was asked for since this was last asked."""
        events = [json.loads(entry["message"]) for entry in self._driver.get_log("performance")]
        sent = [event["message"] for event in events]
        return {
            one["params"]["request"]["url"]
            for one in sent
            if one["method"] == "Network.requestWillBeSent"
        }

    def picture(self, height: int | None = None) -> bytes:
        """A PNG of the page, of all of it without a `height`."""
        whole = self.tell("Page.getLayoutMetrics")["cssContentSize"]["height"]
        clip = {"x": 0, "y": 0, "width": self.width, "height": height or whole, "scale": 1}
        shot = self.tell("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(shot["data"])

    def close(self) -> None:
        self._driver.quit()


def need_browser() -> None:
    """Skip, saying what is missing."""
    pytest.importorskip("selenium", reason="needs selenium: scripts/test installs it")
    for file, package in ((CHROMIUM, "chromium"), (DRIVER, "chromium-driver")):
        if not file.exists():
            pytest.skip(f"needs {package}: sudo apt-get install {package}")


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait for something that another process or thread does; its true value."""
    end_s = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < end_s, f"waited {PATIENCE_S:.0f} s for {what}"
        time.sleep(0.05)
    return found
