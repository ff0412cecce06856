"""Where a gateway publishes and listens: topic templates filled in, and read back. Pure."""

from __future__ import annotations

from ..mqtt.settings import MqttSettings

EVENT = "{prefix}/gateway/{eui}/event/{event}"
STATE = "{prefix}/gateway/{eui}/state/conn"
COMMAND = "{prefix}/gateway/{eui}/command/{command}"


class Topics:
    """The topics of one server. Raises ValueError for a template that cannot serve."""

    def __init__(self, settings: MqttSettings) -> None:
        self._prefix, self._eui = settings.topic_prefix.strip("/"), settings.eui
        self._event = self._filled("event_topic", settings.event_topic or EVENT, "event")
        state = settings.state_topic or STATE
        self.state = "" if state == "none" else self._filled("state_topic", state).format(event="")
        self._command = self._filled(
            "command_topic", settings.command_topic or COMMAND, "command"
        ).split("/")
        if "{command}" not in self._command:
            raise ValueError(
                f"server {settings.name}: command_topic: {{command}} as a level of its own "
                f"expected, '{settings.command_topic}' came"
            )

    @property
    def commands(self) -> str:
        """The filter that brings all our commands."""
        return "/".join(self._command).format(command="+")

    def event(self, event: str) -> str:
        return self._event.format(event=event)

    def command(self, topic: str) -> str:
        """Which command came in on `topic`; empty where it is none of ours."""
        levels = topic.split("/")
        if len(levels) != len(self._command):
            return ""
        place = self._command.index("{command}")
        return levels[place]

    def _filled(self, key: str, template: str, *left: str) -> str:
        """`template` with prefix and EUI; what is `left` stays to be filled in."""
        if not self._prefix:
            template = template.removeprefix("{prefix}/")
        kept = {name: f"{{{name}}}" for name in left}
        try:
            filled = template.format(prefix=self._prefix, eui=self._eui, **kept)
        except (KeyError, IndexError, ValueError, AttributeError):
            names = ", ".join(f"{{{name}}}" for name in ("prefix", "eui", *left))
            raise ValueError(f"{key}: only {names} can be filled in, '{template}' came") from None
        if not filled or "+" in filled or "#" in filled:
            raise ValueError(f"{key}: a topic without + and # expected, '{template}' came")
        for name, mark in kept.items():
            if mark not in filled:
                raise ValueError(f"{key}: {{{name}}} expected in it, '{template}' came")
        return filled
