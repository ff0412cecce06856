"""`edgemast run`: the forwarder, until a signal ends it."""

from __future__ import annotations

import argparse
import logging
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path

from ..change.pending import Pending
from ..config import GatewayConfig, find, load
from ..identity import refuse_samples
from ..lean import asyncio_without_tls
from ..service.logs import set_up_logging

HELP = "Run the forwarder with FILE: our TOML, or a Semtech global_conf.json as it is."
EXAMPLE = "edgemast run -c /etc/edgemast/global_conf.json"

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--config", required=True, metavar="FILE", help="TOML or JSON")
    parser.add_argument("--radio", metavar="URI", help="instead of the file's: spi:, usb: or sim:")
    parser.add_argument(
        "--log-level", default="info", choices=("debug", "info", "warning", "error")
    )


def run(args: argparse.Namespace) -> int:
    set_up_logging(args.log_level)
    config = load(_usable(args.config))
    for warning in config.warnings:
        log.warning("%s", warning)
    refuse_samples(config)
    _loop_runner(config)(_run(config, args.radio or config.radio_uri))
    return 0


def _usable(given: str) -> Path:
    """The file to read: what ran before, where a change was begun and never proved."""
    pending = Pending(find(given))
    usable = pending.usable()
    if usable != pending.current:
        log.error(
            "%s was being tried when the power failed or the change was killed: running on %s, "
            "what ran before. To keep that: edgemast config apply %s -c %s",
            pending.current, usable, usable, pending.current,
        )  # fmt: skip
        return usable
    return Path(given)


def _loop_runner(config: GatewayConfig) -> Callable[[Coroutine[None, None, None]], None]:
    """asyncio.run, of an asyncio that knows TLS only where something may need it.

    That is local mode, and a page that others than this machine see.
    """
    if config.edge is None and not (config.page and config.page.tls):
        runner: Callable[[Coroutine[None, None, None]], None] = asyncio_without_tls().run
        return runner
    import asyncio

    return asyncio.run


async def _run(config: GatewayConfig, radio_uri: str) -> None:
    import asyncio

    from ..app import Gateway  # not above: asyncio would come with it, and OpenSSL
    from ..parts import radio_opener
    from ..scheduling.emission_log import directory
    from ..spool.place import folder

    simulated = radio_uri.startswith("sim:")
    gateway = Gateway(
        config,
        radio_opener(config, radio_uri),
        runtime=directory(simulated=simulated),
        state=folder(config.spool_dir, config.path.parent, simulated=simulated),
    )
    task = asyncio.ensure_future(gateway.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        log.info("stopped")
