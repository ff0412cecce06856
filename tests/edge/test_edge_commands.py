"""`edgemast edge` as a person and an integrator use it."""

from __future__ import annotations

import base64
import io
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from forwarder.__main__ import main
from forwarder.edge.frame_crypto import same_key
from forwarder.edge.keks import KeyRing, SoftKek
from forwarder.edge.keys import SoftKey
from forwarder.edge.provisioning import Padding
from forwarder.edge.sources.session_body import parse_push
from forwarder.edge.vault import KekVault

from .authority import Authority
from .envelopes import KEKS, KEY, TUNNEL, WRAPPED
from .test_provisioning import encrypted
from .tokens import soft_token

HEX = KEKS[16].hex()
EUI = "fd4706f1288e96a0"
Capture = pytest.CaptureFixture[str]
Said = tuple[int, str, str]


@pytest.fixture
def edge(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Run `edgemast edge ...`; gives exit code, stdout, stderr."""

    def call(*arguments: object, stdin: bytes = b"") -> Said:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        code = main(["edge", *map(str, arguments)])
        said = capsys.readouterr()
        assert HEX not in said.out + said.err and KEY.hex() not in said.out + said.err
        return code, said.out, said.err

    return call


Edge = Callable[..., Said]


@pytest.fixture
def keks(tmp_path: Path, edge: Edge) -> Path:
    path = tmp_path / "keks"
    assert (
        edge("import-kek", "--label", "k", "--symmetric", "--keks", path, stdin=HEX.encode())[0]
        == 0
    )
    return path


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("padding", Padding)
def test_the_whole_way_of_a_kek_from_a_join_server(
    tmp_path: Path, edge: Edge, padding: Padding
) -> None:
    key, place = tmp_path / "rsa.pem", tmp_path / "keks"
    code, pem, said = edge("keygen", "--out", key)
    assert code == 0 and "BEGIN PUBLIC KEY" in pem and "mode 0600" in said
    assert key.stat().st_mode & 0o777 == 0o600
    public = load_pem_public_key(pem.encode())
    assert isinstance(public, rsa.RSAPublicKey) and public.key_size == 2048
    blob = encrypted(pem, KEKS[16], padding).hex()
    given = ["--encrypted", blob, "--key", key, "--padding", padding.value, "--keks", place]
    code, out, _ = edge("import-kek", "--label", "as:edge", *given)
    assert code == 0
    assert out.splitlines() == [
        f"KEK 'as:edge' version 1 is in {place}",
        "check value c6a13b (AES of 16 zero bytes under the KEK, its first 6 hexadecimal digits)",
        "compare it by voice with who made the KEK: anyone with the public key can send one",
    ]
    (tmp_path / "blob").write_bytes(bytes.fromhex(blob))
    given[1] = str(tmp_path / "blob")
    code, _, said = edge("import-kek", "--label", "as:edge", *given)
    assert code == 1 and "version 1 is there twice" in said
    assert edge("import-kek", "--label", "as:edge", "--version", 2, *given)[0] == 0


def test_a_key_is_not_overwritten_and_a_weak_one_wants_insisting(
    tmp_path: Path, edge: Edge
) -> None:
    key = tmp_path / "rsa.pem"
    assert "--insist" in edge("keygen", "--bits", 1024, "--out", key)[2] and not key.exists()
    assert edge("keygen", "--bits", 1024, "--insist", "--out", key)[0] == 0
    before = key.read_bytes()
    code, out, said = edge("keygen", "--out", key)
    assert (code, out) == (1, "") and "not overwritten" in said and key.read_bytes() == before


def test_a_symmetric_kek_comes_from_stdin_or_a_file_that_others_cannot_read(
    tmp_path: Path, edge: Edge, keks: Path
) -> None:
    source = private(tmp_path / "kek.hex", KEKS[32].hex() + "\n")
    given = ["import-kek", "--label", "k", "--version", 2, "--keks", keks, "--symmetric", source]
    source.chmod(0o644)
    assert "chmod 600" in edge(*given)[2]
    source.chmod(0o600)
    assert "f29000" in edge(*given)[1]
    code, out, _ = edge("list", "--keks", keks, "--json")
    assert code == 0 and json.loads(out) == [
        {"label": "k", "version": 2, "where": "file", "check_value": "f29000"},
        {"label": "k", "version": 1, "where": "file", "check_value": "c6a13b"},
    ]
    assert "k  version 2   file       f29000" in edge("list", "--keks", keks)[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["keygen"], "one of --out FILE and --token"),
        (["keygen", "--token", "t"], "--module FILE and --pin-file FILE"),
        (["import-kek", "--label", "k", "--encrypted", "00"], "--padding expected"),
        (
            ["import-kek", "--label", "k", "--encrypted", "00", "--padding", "pkcs1v15"],
            "--key FILE",
        ),
        (["list", "--keks", "/k", "--config", "/c"], "not both"),
    ],
)
def test_what_does_not_go_together_is_2(edge: Edge, arguments: list[str], says: str) -> None:
    code, out, said = edge(*arguments)
    assert (code, out) == (2, "") and says in said


@pytest.mark.parametrize("stdin", [b"", b"12", HEX[:-1].encode(), bytes(17)])
def test_what_is_no_kek_is_refused_and_changes_nothing(
    edge: Edge, keks: Path, stdin: bytes
) -> None:
    before = keks.read_bytes()
    given = ["import-kek", "--label", "x", "--symmetric", "--keks", keks]
    code, _, said = edge(*given, stdin=stdin)
    assert code == 1 and "a KEK has 16, 24 or 32" in said and keks.read_bytes() == before


# check.


def test_check_says_place_by_place_what_is_wrong_and_how_to_mend_it(
    tmp_path: Path, edge: Edge, keks: Path
) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'[edge.keks]\nfile = "{keks}"\ncredential = "more"\n'
        '[edge.keks.sources.tunnel]\nkek = "astk"\n'
    )
    code, out, _ = edge("check", "--keks", keks)
    assert code == 0 and out.startswith("ok   file: 1 KEKs\nok   KEKs: 1 under 1 labels\n")
    keks.chmod(0o640)
    code, out, _ = edge("check", "--config", config)
    assert code == 1
    assert f"BAD  file: {keks}: others may read" in out and f"chmod 600 {keks}" in out
    assert "BAD  credential: credential 'more': systemd passed none" in out


def test_check_misses_the_kek_that_a_source_wants(tmp_path: Path, edge: Edge, keks: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(f'[edge.keks]\nfile = "{keks}"\nsources.tp.kek = "astk"\n')
    code, out, _ = edge("check", "--config", config)
    assert code == 1 and "source 'tp' wants KEK 'astk', which no place has" in out


def test_a_mistake_in_the_configuration_is_2(tmp_path: Path, edge: Edge) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text('[edge.keks]\nfille = "/x"\n')
    code, _, said = edge("check", "--config", config)
    assert code == 2 and "[edge.keks]" in said and "fille" in said


# A token.


def test_the_whole_way_into_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edge: Edge
) -> None:
    place = soft_token(tmp_path, monkeypatch)
    token = ["--token", place.label, "--module", place.module, "--pin-file", place.pin_file]
    code, pem, said = edge("keygen", *token)
    assert code == 0 and "does not give it away" in said
    blob = encrypted(pem, KEKS[16], Padding.OAEP_SHA1).hex()
    given = ["--label", "k", "--encrypted", blob, "--padding", "oaep-sha1", *token]
    assert "check value c6a13b" in edge("import-kek", *given)[1]
    given = ["--label", "astk", "--symmetric", "--tunnel", *token]
    assert "check value f29000" in edge("import-kek", *given, stdin=KEKS[32].hex().encode())[1]
    code, out, _ = edge("list", *token)
    assert code == 0 and "astk  version 1   token" in out
    assert edge("check", *token)[1].startswith("ok   token: 2 KEKs\n")
    import pkcs11

    pkcs11.lib(place.module).reinitialize()  # as a new process: nobody has logged in yet
    Path(place.pin_file).write_text("1111")
    code, out, _ = edge("check", *token)
    assert code == 1 and "BAD  token: token 'edgemast-test': the PIN is refused" in out


# rewrap.


@pytest.fixture
def agent(tmp_path: Path, edge: Edge, keks: Path) -> list[object]:
    gateways = private(tmp_path / "gateways", f"gateway-7 = {KEKS[32].hex()}\n")
    return ["rewrap", "--keks", keks, "--gateway-keks", gateways, "--to", "gateway-7"]


def opens_at_the_gateway(body: str) -> None:
    news = parse_push(body.encode(), "push")
    vault = KekVault(KeyRing([SoftKek("gateway-7", KEKS[32])]))
    assert news.dev_eui == EUI and news.app_s_key is not None
    assert same_key(vault.open(news.app_s_key, "push"), SoftKey(KEY))


WIRE = WRAPPED[16].hex()
BASE64 = base64.b64encode(WRAPPED[16]).decode()


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"KEKLabel": "k", "AESKey": WIRE.upper(), "DevEUI": EUI}, id="TS002 envelope"),
        pytest.param({"label": "k", "aesKey": BASE64, "dev_eui": EUI}, id="base64"),
        pytest.param(
            {"sessionKeyId": "0a", "appSKey": {"kekLabel": "k", "aesKey": BASE64}, "devEui": EUI},
            id="ChirpStack",
        ),
        pytest.param(
            {
                "DevEUI": f"0x{EUI}",
                "AppSKey": {"KEKLabel": "k", "AESKey": WIRE},
                "SessionKeyID": "0A",
            },
            id="AppSKeyAns",
        ),
    ],
)
def test_what_a_join_or_network_server_says_becomes_a_push(
    edge: Edge, agent: list[object], document: dict[str, object]
) -> None:
    code, out, _ = edge(*agent, stdin=json.dumps(document).encode())
    assert code == 0 and WIRE not in out
    opens_at_the_gateway(out)


def test_session_and_network_keys_go_along(edge: Edge, agent: list[object]) -> None:
    envelope = {"KEKLabel": "k", "AESKey": WIRE}
    document = {"AppSKey": envelope, "NwkSKey": envelope}
    given = ["--dev-eui", EUI, "--dev-addr", "26C3D3AB", "--session-id", "0A0B"]
    _, out, _ = edge(*agent, *given, stdin=json.dumps(document).encode())
    body = json.loads(out)
    assert (body["dev_addr"], body["session_id"]) == ("26c3d3ab", "0a0b")
    assert body["f_nwk_s_int"]["kek_label"] == "gateway-7"
    opens_at_the_gateway(out)


def test_thingparks_block_becomes_an_envelope_with_integrity(
    edge: Edge, agent: list[object]
) -> None:
    document = {"AESKey": TUNNEL.hex(), "DevEUI": EUI}
    _, out, _ = edge(*agent, "--tunnel", "--kek", "k", stdin=json.dumps(document).encode())
    opens_at_the_gateway(out)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"", "a JSON object expected"),
        (b"[]", "a JSON object expected"),
        (b'{"DevEUI": "%s"}' % EUI.encode(), "no key"),
        (b'{"AESKey": "%s"}' % WIRE.encode(), "DevEUI"),
        (b'{"AESKey": "%s", "DevEUI": "%s"}' % (KEY.hex().encode(), EUI.encode()), "in clear"),
        (
            b'{"AESKey": "%s", "KEKLabel": "no", "DevEUI": "%s"}' % (WIRE.encode(), EUI.encode()),
            "KEK 'no': is not there",
        ),
        (
            b'{"AESKey": "00%s", "KEKLabel": "k", "DevEUI": "%s"}'
            % (WIRE[2:].encode(), EUI.encode()),
            "KEK 'k': does not open",
        ),
    ],
)
def test_what_cannot_be_wrapped_again_is_refused(
    edge: Edge, agent: list[object], document: bytes, says: str
) -> None:
    code, out, said = edge(*agent, stdin=document)
    assert (code, out) == (1, "") and says in said


class Gateway(BaseHTTPRequestHandler):
    """The push API's place: keeps what came, answers what the test wants."""

    heard: list[tuple[str, str, str]]
    status: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.heard.append((self.path, self.headers.get("Authorization", ""), body))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def gateway(
    status: int = 204, context: ssl.SSLContext | None = None
) -> Iterator[tuple[str, type[Gateway]]]:
    handler = type("Handler", (Gateway,), {"heard": [], "status": status})
    server = HTTPServer(("127.0.0.1", 0), handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", handler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


DOCUMENT = json.dumps({"KEKLabel": "k", "AESKey": WIRE, "DevEUI": EUI}).encode()


def test_the_agent_pushes_with_its_token(tmp_path: Path, edge: Edge, agent: list[object]) -> None:
    token = private(tmp_path / "api-token", "t0ken\n")
    with gateway() as (place, handler):
        url = f"http://{place}/keys"
        code, out, _ = edge(*agent, "--url", url, "--token-file", token, stdin=DOCUMENT)
    ((path, authorization, body),) = handler.heard
    assert code == 0 and out == f"pushed to {place}: 204\n"
    assert (path, authorization) == ("/keys", "Bearer t0ken")
    opens_at_the_gateway(body)


def test_a_refused_or_lost_push_is_1_and_says_so(edge: Edge, agent: list[object]) -> None:
    with gateway(403) as (place, _):
        code, out, said = edge(*agent, "--url", f"http://{place}/", stdin=DOCUMENT)
    assert (code, out) == (1, "") and "refused it: 403" in said
    code, out, said = edge(*agent, "--url", f"http://{place}/", stdin=DOCUMENT)
    assert (code, out) == (1, "") and "not pushed" in said


def test_a_push_goes_only_to_whom_the_authority_vouches_for(
    tmp_path: Path, edge: Edge, agent: list[object]
) -> None:
    ours, other = Authority(tmp_path), Authority(tmp_path, "other")
    certificate, key = ours.issue("gateway")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with gateway(context=context) as (place, handler):
        url = f"https://{place}/keys"
        assert edge(*agent, "--url", url, "--ca", ours.ca, stdin=DOCUMENT)[0] == 0
        for given in (["--ca", other.ca], []):
            code, _, said = edge(*agent, "--url", url, *given, stdin=DOCUMENT)
            assert code == 1 and "not pushed" in said
    assert len(handler.heard) == 1


@pytest.mark.parametrize(
    "url", ["http://gateway.example/keys", "ftp://x/", "https:///", "x", "https://h:p/"]
)
def test_keys_are_not_pushed_without_tls(edge: Edge, agent: list[object], url: str) -> None:
    code, out, said = edge(*agent, "--url", url, stdin=DOCUMENT)
    assert (code, out) == (2, "") and "--url" in said
