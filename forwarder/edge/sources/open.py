"""From a source's settings to the source. Imports what the settings ask for, and only that."""

from __future__ import annotations

from collections.abc import Callable

from ...files.token_file import read_token
from ..values import KeyNews, KeySource
from .chirpstack import Chirpstack, ChirpstackSettings
from .intake import Intake
from .loriot import Loriot, LoriotSettings
from .push import PushSettings, PushSource
from .report import Dialect
from .static import StaticSettings, StaticSource
from .thingpark import ThingPark, ThingParkSettings
from .tts import Tts, TtsSettings

Tunnel = ChirpstackSettings | TtsSettings | ThingParkSettings | LoriotSettings
Settings = Tunnel | PushSettings | StaticSettings


def open_source(settings: Settings, tell: Callable[[KeyNews], None]) -> KeySource:
    """Raises ConfigError for files that are missing, open to others or not what they should be."""
    if isinstance(settings, StaticSettings):
        return StaticSource(settings, tell)
    if isinstance(settings, PushSettings):
        return PushSource(settings, tell)
    return _tunnel(settings, tell)


def _tunnel(settings: Tunnel, tell: Callable[[KeyNews], None]) -> KeySource:
    kind = str(settings.__struct_config__.tag)
    intake = Intake(settings.name, _dialect(settings), tell, allow_clear=settings.allow_clear)
    if settings.mqtt is not None:
        from .mqtt import MqttSource

        return MqttSource(kind, settings.mqtt, intake)
    assert settings.http is not None, "TunnelSettings has one of the two"
    from .http import HttpSource

    return HttpSource(kind, settings.http, intake)


def _dialect(settings: Tunnel) -> Dialect:
    match settings:
        case ChirpstackSettings():
            return Chirpstack(settings)
        case TtsSettings():
            return Tts(settings)
        case ThingParkSettings():
            file = settings.tunnel_key_file
            return ThingPark(settings, read_token(file, "tunnel key") if file else "")
        case LoriotSettings():
            return Loriot(settings)
