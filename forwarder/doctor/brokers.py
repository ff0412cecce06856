"""Does a broker take connections, and is its certificate good? As far as TLS; no MQTT is spoken.

That a name, password or topic is wrong shows only in the link itself (forwarder/links/mqtt).
"""

from __future__ import annotations

import time
from dataclasses import replace

from ..links.mqtt.settings import BrokerAddress, MqttSettings
from .case import Case
from .network import Tls, tcp_opens, tls_greets
from .values import Finding, Verdict, skipped


def broker_connects(settings: MqttSettings, eui: str, case: Case) -> Finding:
    """The first of the addresses that answers; else what the last one said."""
    finding = skipped("no address is configured")
    for address in settings.addresses:
        finding = _connects(settings, address)
        if finding.verdict is not Verdict.FAIL:
            break
    return finding


def _connects(settings: MqttSettings, address: BrokerAddress) -> Finding:
    if not address.tls:
        finding = tcp_opens(address.host, address.port)
        said = f"{finding.read}; without TLS everybody on the way reads along"
        return finding if finding.verdict is Verdict.FAIL else replace(finding, read=said)
    files = (settings.ca_file, settings.cert_file, settings.key_file)
    return tls_greets(Tls(address.host, address.port, *files), time.time())
