"""The demo's temporary folder: KEKs, tokens, certificates, codec, the gateway's configuration.

Who gets what, and nobody else: the Join Server (a process of its own, `edgemast sim-js`) the root
keys and both KEKs; the network server the KEK of network keys; the gateway the KEK of application
keys and the one that the network server shares with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..edge.sources.join_server import JoinServerSettings, ServerSettings
from ..errors import Fatal
from ..lorawan.keys import wrap
from .device_spec import DeviceSpec
from .lns_reports import PushKek

NET_ID, AS_ID = "000013", "edge"
NS_LABEL, AS_LABEL, LNS_LABEL, OWNER_LABEL = "ns:000013", "as:edge", "lns:gateway", "owner"
CODEC = Path(__file__).with_name("reading.js")
START_S = 20.0  # until the Join Server's process listens, on a slow machine
STOP_S = 1.0


@dataclass(frozen=True, slots=True)
class JoinServerFacts:
    """The first line of `edgemast sim-js`."""

    url: str
    ca: str
    client_certificate: str
    client_key: str


class KeySite:
    """Writes into `folder`, which is ours alone and goes away afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ns_kek, self.as_kek = secrets.token_bytes(16), secrets.token_bytes(32)
        self.push_kek = PushKek(LNS_LABEL, secrets.token_bytes(16))
        self._owner_kek = secrets.token_bytes(16)
        self.event_token, self.push_token = secrets.token_hex(16), secrets.token_hex(16)

    def secret(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return path

    def join_server_arguments(self, scenario: str, seed: int) -> list[str]:
        ns = self.secret("ns.kek", self.ns_kek.hex())
        application = self.secret("as.kek", self.as_kek.hex())
        return [
            *("sim-js", "--scenario", scenario, "--seed", str(seed)),
            *("--tls-dir", str(self.folder / "tls")),
            *("--kek", f"{NS_LABEL}={ns}", "--net-id", NET_ID),
            *("--kek", f"{AS_LABEL}={application}", "--as-id", AS_ID),
        ]

    def network_side(self, facts: JoinServerFacts) -> JoinServerSettings:
        """How the network server asks."""
        server = ServerSettings(
            url=facts.url,
            ca_file=facts.ca,
            cert_file=facts.client_certificate,
            key_file=facts.client_key,
        )
        return JoinServerSettings(name="network-server", net_id=NET_ID, server=(server,))

    def edge(self, facts: JoinServerFacts, devices: Iterable[DeviceSpec], *, codec: bool) -> str:
        """The `[edge]` of the gateway's TOML; what it names is written."""
        keks = {
            AS_LABEL: self.as_kek,
            LNS_LABEL: self.push_kek.key,
            OWNER_LABEL: self._owner_kek,
        }
        self.secret("keks", "".join(f"{label} = {key.hex()}\n" for label, key in keks.items()))
        self.secret("events.token", self.event_token)
        self.secret("push.token", self.push_token)
        specs = list(devices)
        self.secret("sessions.toml", "".join(self._static(one) for one in specs if one.session))
        enrolled = [_enrolled(one, codec=codec) for one in specs]
        (self.folder / "devices.json").write_bytes(msgspec.json.encode(enrolled))
        return (
            '[edge]\nmode = "observe"\npublish_unknown = true\ndatabase = "edge.sqlite3"\n'
            'devices_file = "devices.json"\n'
            f"[edge.keks]\nfile = {_quoted(self.folder / 'keks')}\n"
            '[[edge.source]]\ntype = "chirpstack"\nname = "tunnel"\n'
            f"{self._listen('events.token')}"
            f'[[edge.source]]\ntype = "push"\nname = "push"\n{self._listen("push.token")}'
            f'[[edge.source]]\ntype = "static"\nfile = {_quoted(self.folder / "sessions.toml")}\n'
            f'[[edge.source]]\ntype = "join_server"\nname = "join-server"\nas_id = "{AS_ID}"\n'
            f"[[edge.source.server]]\nurl = {_quoted(facts.url)}\nca_file = {_quoted(facts.ca)}\n"
            f"cert_file = {_quoted(facts.client_certificate)}\n"
            f"key_file = {_quoted(facts.client_key)}\n"
        )

    def _listen(self, token: str) -> str:
        return f'http = {{ listen = "127.0.0.1:0", token_file = {_quoted(self.folder / token)} }}\n'

    def _static(self, spec: DeviceSpec) -> str:
        """An ABP device's session, as its owner wraps it for the gateway."""
        assert spec.session is not None
        rows = [("app_s_key", spec.session.app_s), ("nwk_s_key", spec.session.nwk_s_enc)]
        keys = "".join(
            f'{name} = {{ kek_label = "{OWNER_LABEL}", '
            f'aes_key = "{wrap(self._owner_kek, key).hex()}" }}\n'
            for name, key in rows
        )
        head = f'dev_eui = "{spec.dev_eui:016x}"\ndev_addr = "{spec.dev_addr:08x}"\n'
        return f"[[session]]\n{head}{keys}"


def _enrolled(spec: DeviceSpec, *, codec: bool) -> dict[str, object]:
    told: dict[str, object] = {
        "dev_eui": f"{spec.dev_eui:016x}",
        "join_eui": f"{spec.join_eui:016x}",
        "name": spec.name,
        "exclusive": True,
    }
    return {**told, "codec": str(CODEC)} if codec else told


def _quoted(value: object) -> str:
    """A TOML string."""
    return msgspec.json.encode(str(value)).decode()


class JoinServerProcess:
    """`edgemast sim-js` as long as the context lasts."""

    def __init__(self, arguments: list[str]) -> None:
        self._arguments = arguments

    async def __aenter__(self) -> JoinServerFacts:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "forwarder", *self._arguments, "--until-eof"),
            stdin=asyncio.subprocess.PIPE,  # ends with us, however we end
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # a Ctrl-C is for us; we end it in our turn
        )
        try:
            return await self._facts()
        except BaseException:
            await self._end()
            raise

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def _facts(self) -> JoinServerFacts:
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(START_S):
                line = await self._process.stdout.readline()
            return msgspec.json.decode(line, type=JoinServerFacts)
        except (TimeoutError, msgspec.MsgspecError):
            raise Fatal(
                "the Join Server did not start: try `edgemast sim-js --scenario demo --tls-dir "
                "DIR`, or `edgemast demo --plain` without it"
            ) from None

    async def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
