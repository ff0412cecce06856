"""What the configuration of the page may and may not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from forwarder.config import loads
from forwarder.errors import ConfigError

GATEWAY = 'board = "sim"\nregion = "EU868"\n[[server]]\naddress = "127.0.0.1"\n'
TLS = 'cert_file = "cert.pem"\nkey_file = "key.pem"\n'


def a_page(lines: str) -> object:
    return loads(GATEWAY + "[page]\n" + lines, "gateway.toml").page


def test_without_a_table_there_is_no_page() -> None:
    assert loads(GATEWAY, "gateway.toml").page is None
    assert a_page('listen = ""\n') is None


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"])
def test_this_machine_needs_no_proof(listen: str) -> None:
    page = loads(GATEWAY + f'[page]\nlisten = "{listen}"\n', "gateway.toml").page
    assert page is not None and page.port == 8080 and page.loopback and not page.tls


@pytest.mark.parametrize(
    ("lines", "missing"),
    [
        pytest.param("", "TLS: page.cert_file and page.key_file, and something", id="nothing"),
        pytest.param('token_file = "token"\n', "TLS: page.cert_file", id="token in clear"),
        pytest.param(TLS, "page.token_file or page.client_ca_file", id="nobody is known"),
        pytest.param('cert_file = "cert.pem"\n', "go together", id="half a certificate"),
        pytest.param(
            'client_ca_file = "ca.pem"\n', "needs page.cert_file", id="clients without TLS"
        ),
    ],
)
@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "gateway.example", "[::]"])
def test_others_than_this_machine_need_tls_and_a_proof(host: str, lines: str, missing: str) -> None:
    with pytest.raises(ConfigError, match=missing) as error:
        a_page(f'listen = "{host}:8080"\n{lines}')
    assert str(error.value).startswith("gateway.toml:6: page.listen")


@pytest.mark.parametrize(
    "proof",
    ['token_file = "token"\n', 'token_file = "credential:page"\n', 'client_ca_file = "ca"\n'],
)
def test_tls_with_a_proof_may_listen_anywhere(proof: str) -> None:
    assert a_page(f'listen = "0.0.0.0:8443"\n{TLS}{proof}') is not None


def test_files_are_beside_the_configuration(tmp_path: Path) -> None:
    from forwarder.config import load

    (tmp_path / "gateway.toml").write_text(
        f'{GATEWAY}[page]\nlisten = "0.0.0.0:8443"\n{TLS}token_file = "credential:page"\n'
    )
    page = load(tmp_path / "gateway.toml").page
    assert page is not None
    assert (page.cert_file, page.token_file) == (str(tmp_path / "cert.pem"), "credential:page")


@pytest.mark.parametrize("listen", ["8080", "127.0.0.1", "::1:8080", "a b:80", "h:99999", ":80"])
def test_what_is_no_address_is_refused_with_an_example(listen: str) -> None:
    with pytest.raises(ConfigError, match=r"HOST:PORT, such as"):
        a_page(f'listen = "{listen}"\n')
