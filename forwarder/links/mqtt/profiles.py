"""Which dialect a server's profile means; each is imported when a server of it is configured."""

from __future__ import annotations

from ...errors import ConfigError
from ...version import VERSION
from ..base import RadioFacts
from .dialect import Dialect
from .settings import MqttSettings


def make_dialect(settings: MqttSettings, facts: RadioFacts) -> Dialect:
    """Raises ConfigError for topics that cannot serve, or a library that is not installed."""
    try:
        return _dialect(settings, facts)
    except ValueError as error:
        raise ConfigError(f"server {settings.name}: {error}") from error
    except ImportError as error:
        raise ConfigError(
            f"server {settings.name}: {error.name or error} is missing, which servers of type mqtt "
            "need: pip install 'edgemast[mqtt]'"
        ) from error


def _dialect(settings: MqttSettings, facts: RadioFacts) -> Dialect:
    if settings.profile == "tts":
        from ...timing import leap_file
        from ..tts.dialect import TtsDialect

        ours = f"edgemast {VERSION}"
        return TtsDialect(settings, leap_file.load(), position=facts.position, version=ours)
    if settings.profile == "chirpstack":
        from ..chirpstack.v4 import ChirpstackV4

        return ChirpstackV4(settings, facts)
    from ..chirpstack.v3 import ChirpstackV3

    return ChirpstackV3(settings, facts)
