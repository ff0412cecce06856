"""`edgemast edge`: KEKs and the RSA keys that bring them: made, imported, listed, checked."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..edge.keks import KekSettings, TokenSettings
    from ..edge.pkcs11 import Token

HELP = "keys of local mode: make, import, list and check key-encryption keys (KEKs)"
EXAMPLE = "edgemast edge list --keks /etc/edgemast/keks"
KEKS = "/etc/edgemast/keks"
RSA_BITS = (2048, 3072, 1024)
PADDINGS = ("oaep-sha1", "oaep-sha256", "pkcs1v15")

Actions: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _keygen(actions)
    _import_kek(actions)
    _rewrap(actions)
    listing = _action(
        actions, "list", "which KEKs there are, with check values", "--keks /etc/edgemast/keks"
    )
    listing.add_argument("--json", action="store_true", help="for programs")
    check = _action(
        actions,
        "check",
        "whether every place of KEKs can be used, and by nobody else",
        "--config /etc/edgemast/gateway.toml",
    )
    for each in (listing, check):
        _places(each)
        each.add_argument("-c", "--config", metavar="FILE", help="places from its [edge.keks]")
        each.add_argument("--credential", metavar="NAME", help="a systemd credential of KEKs")


def _keygen(actions: Actions) -> None:
    action = _action(
        actions,
        "keygen",
        "make an RSA pair for which a Join Server encrypts a KEK; prints the public key",
        "--out /etc/edgemast/rsa.pem > public.pem",
    )
    action.add_argument("--bits", type=int, default=2048, choices=RSA_BITS, help="default 2048")
    action.add_argument("--insist", action="store_true", help="1024 bits all the same")
    action.add_argument("--out", metavar="FILE", help="the private key goes here, mode 0600")
    _token_options(action)
    _key_label(action)


def _import_kek(actions: Actions) -> None:
    action = _action(
        actions,
        "import-kek",
        "bring a KEK in, encrypted for our RSA key or as it is; shows its check value",
        "--label as:edge.example --encrypted kek.b64 --key rsa.pem --padding oaep-sha1",
    )
    action.add_argument("--label", required=True, help="the KEKLabel that envelopes carry")
    action.add_argument("--version", type=int, default=1, help="of the label; default 1")
    what = action.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--encrypted", metavar="FILE|HEX|BASE64", help="as the Join Server gave it; - is stdin"
    )
    what.add_argument(
        "--symmetric",
        nargs="?",
        const="-",
        metavar="FILE",
        help="the KEK itself from FILE or stdin; never as an argument, which others can see",
    )
    action.add_argument("--key", metavar="FILE", help="private RSA key; without, the token's")
    action.add_argument("--padding", choices=PADDINGS, help="how RSA encrypted it")
    action.add_argument(
        "--tunnel", action="store_true", help="in a token: for ThingPark's one-block envelopes"
    )
    _places(action)
    _key_label(action)


def _rewrap(actions: Actions) -> None:
    action = _action(
        actions,
        "rewrap",
        "session keys on stdin, out of the application's envelope and into one for a gateway",
        "--keks app.keks --to gateway-7 --gateway-keks gateways.keks < appskeyans.json",
    )
    action.add_argument("--keks", required=True, metavar="FILE", help="the application's KEKs")
    action.add_argument("--gateway-keks", required=True, metavar="FILE", help="the gateway's KEK")
    action.add_argument("--to", required=True, metavar="LABEL", help="label of the gateway's KEK")
    action.add_argument("--kek", default="", metavar="LABEL", help="for envelopes without a label")
    action.add_argument("--tunnel", action="store_true", help="envelopes are ThingPark's one block")
    action.add_argument("--allow-clear", action="store_true", help="take keys that came in clear")
    action.add_argument("--dev-eui", default="", metavar="EUI", help="if the document has none")
    action.add_argument("--dev-addr", default="", metavar="ADDR", help="likewise")
    action.add_argument("--session-id", default="", metavar="HEX", help="likewise")
    action.add_argument("--url", metavar="URL", help="push it there instead of printing it")
    action.add_argument("--token-file", metavar="FILE", help="the push API's token")
    action.add_argument("--ca", metavar="FILE", help="certificate authority of that gateway")


def _action(actions: Actions, name: str, text: str, example: str) -> argparse.ArgumentParser:
    return actions.add_parser(
        name,
        help=text,
        description=text,
        epilog=f"example: edgemast edge {name} {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _places(action: argparse.ArgumentParser) -> None:
    action.add_argument("--keks", metavar="FILE", help=f"file of KEKs; default {KEKS}")
    _token_options(action)


def _token_options(action: argparse.ArgumentParser) -> None:
    action.add_argument("--token", metavar="LABEL", help="a PKCS#11 token")
    action.add_argument("--module", metavar="FILE", help="the token's PKCS#11 library")
    action.add_argument("--pin-file", metavar="FILE", help="its user PIN, mode 0600")


def _key_label(action: argparse.ArgumentParser) -> None:
    action.add_argument("--key-label", default="edgemast-rsa", help="of the RSA key in the token")


def run(args: argparse.Namespace) -> int:
    from . import edge_rewrap

    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "keygen": _run_keygen,
        "import-kek": _run_import,
        "list": _run_list,
        "check": _run_check,
        "rewrap": edge_rewrap.run,
    }
    return actions[args.action](args)


def _run_keygen(args: argparse.Namespace) -> int:
    from ..edge import provisioning, secret_files

    if (args.out is None) == (args.token is None):
        raise ConfigError("edge keygen: one of --out FILE and --token LABEL expected")
    if args.token:
        from ..edge import token_admin

        pem = token_admin.make_rsa_key(
            _token(args), args.bits, insist=args.insist, label=args.key_label
        )
        where = f"in token {args.token!r} as {args.key_label!r}, which does not give it away"
    else:
        key = provisioning.make_rsa_key(args.bits, insist=args.insist)
        secret_files.write_private(Path(args.out), provisioning.private_pem(key))
        pem = provisioning.public_pem(key.public_key())
        where = f"in {args.out} (mode 0600)"
    print(pem, end="")
    print(f"private key: {where}. Give the public key above to the Join Server.", file=sys.stderr)
    return 0


def _run_import(args: argparse.Namespace) -> int:
    from ..edge.keks import HOW_CHECKED

    if args.keks and args.token:
        raise ConfigError("edge import-kek: one of --keks FILE and --token LABEL expected")
    if args.encrypted and not args.padding:
        raise ConfigError(f"edge import-kek: --padding expected: {', '.join(PADDINGS)}")
    if args.encrypted and not args.key and not args.token:
        raise ConfigError("edge import-kek: --key FILE expected, as edge keygen wrote it")
    where, checked = _into_token(args) if args.token else _into_file(args)
    print(f"KEK {args.label!r} version {args.version} is in {where}")
    print(f"check value {checked} ({HOW_CHECKED})")
    if args.encrypted:
        print("compare it by voice with who made the KEK: anyone with the public key can send one")
    return 0


def _into_file(args: argparse.Namespace) -> tuple[str, str]:
    from ..edge.kek_store import add_to_file
    from ..edge.keks import SoftKek

    path = Path(args.keks or KEKS)
    kek = SoftKek(args.label, _kek_bytes(args), args.version)
    add_to_file(path, kek)
    return str(path), kek.check_value()


def _into_token(args: argparse.Namespace) -> tuple[str, str]:
    from ..edge import token_admin
    from ..edge.provisioning import Padding

    where = f"token {args.token!r}"
    if args.symmetric or args.key:
        from ..edge.keks import SoftKek

        kek = _kek_bytes(args)
        SoftKek(args.label, kek, args.version)  # the same checks as for a file
        checked = token_admin.import_kek(
            _token(args), args.label, args.version, kek, tunnel=args.tunnel
        )
        return where, checked
    checked = token_admin.import_encrypted_kek(
        _token(args),
        args.label,
        args.version,
        _blob(args.encrypted),
        Padding(args.padding),
        tunnel=args.tunnel,
        key_label=args.key_label,
    )
    return where, checked


def _kek_bytes(args: argparse.Namespace) -> bytes:
    from ..edge.provisioning import Padding, decode_blob, decrypt_kek
    from ..edge.secret_files import read_private

    if args.encrypted:
        pem = read_private(Path(args.key))
        return decrypt_kek(pem, _blob(args.encrypted), Padding(args.padding))
    return decode_blob(_stdin() if args.symmetric == "-" else read_private(Path(args.symmetric)))


def _stdin() -> bytes:
    if sys.stdin.isatty():
        from getpass import getpass

        return getpass("KEK (hexadecimal digits, not shown): ").encode()
    return sys.stdin.buffer.read(4096)


def _blob(text: str) -> bytes:
    from ..edge.provisioning import decode_blob

    if text == "-":
        return decode_blob(_stdin())
    try:
        path = Path(text)
        return decode_blob(path.read_bytes() if path.is_file() else text.encode())
    except OSError as error:  # too long for a name: then it is the value
        if len(text) > 255:
            return decode_blob(text.encode())
        raise ConfigError(f"{text}: {error.strerror or error}") from error


def _run_list(args: argparse.Namespace) -> int:
    from ..edge.kek_store import open_ring
    from ..edge.keks import HOW_CHECKED

    ring = open_ring(_settings(args))
    rows = [(kek.label, kek.version, kek.where, kek.check_value()) for kek in ring]
    if args.json:
        import json

        names = ("label", "version", "where", "check_value")
        print(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=1))
        return 0
    width = max((len(row[0]) for row in rows), default=0)
    for label, version, where, checked in rows:
        print(
            f"{label:<{width}}  version {version:<3} {where:<10} {checked or '(token: not told)'}"
        )
    print(f"check value: {HOW_CHECKED}" if rows else "no KEK yet: edgemast edge import-kek")
    return 0


def _run_check(args: argparse.Namespace) -> int:
    import os

    from ..edge.kek_check import check

    verdicts = list(check(_settings(args)))
    for verdict in verdicts:
        print(verdict)
    print(f"checked as user {os.geteuid()}; run it as the user of the service")
    return 0 if all(verdict.ok for verdict in verdicts) else 1


def _settings(args: argparse.Namespace) -> KekSettings:
    from ..edge.kek_store import settings_of
    from ..edge.keks import KekSettings

    given = args.keks or args.credential or args.token
    if args.config:
        if given:
            raise ConfigError(f"edge {args.action}: --config or single places, not both")
        return settings_of(Path(args.config))
    file = "" if args.keks is None and given else str(Path(args.keks or KEKS).absolute())
    token = _token_settings(args) if args.token else None
    return KekSettings(file=file, credential=args.credential or "", token=token)


def _token_settings(args: argparse.Namespace) -> TokenSettings:
    from ..edge.keks import TokenSettings

    if not (args.module and args.pin_file):
        raise ConfigError(f"edge {args.action}: --token needs --module FILE and --pin-file FILE")
    module = str(Path(args.module).absolute())
    return TokenSettings(module=module, label=args.token, pin_file=args.pin_file)


def _token(args: argparse.Namespace) -> Token:
    from ..edge.kek_store import open_token

    return open_token(_token_settings(args))
