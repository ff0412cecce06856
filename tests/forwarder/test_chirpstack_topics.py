"""Topics are ChirpStack's own, or what the configuration says."""

from __future__ import annotations

import pytest

from forwarder.links.chirpstack.topics import Topics
from forwarder.links.chirpstack.v4 import ChirpstackV4

from .chirpstack_makers import mqtt_settings
from .mqtt_bench import RadioFacts
from .semtech_makers import EUI


def topics(**changes: str) -> Topics:
    return Topics(mqtt_settings(**changes))


def test_the_topics_of_v4_begin_with_the_regions_id() -> None:
    found = topics(topic_prefix="us915_1")
    assert found.event("up") == f"us915_1/gateway/{EUI}/event/up"
    assert found.state == f"us915_1/gateway/{EUI}/state/conn"
    assert found.commands == f"us915_1/gateway/{EUI}/command/+"


def test_without_a_prefix_there_is_no_slash_before_them() -> None:
    found = topics(topic_prefix="")
    assert found.event("stats") == f"gateway/{EUI}/event/stats"
    assert found.command(f"gateway/{EUI}/command/down") == "down"


@pytest.mark.parametrize(("changes", "qos"), [({}, 1), ({"qos": 0}, 0), ({"command_qos": 0}, 0)])
def test_commands_are_subscribed_to_with_their_own_qos(changes: dict[str, int], qos: int) -> None:
    (subscription,) = ChirpstackV4(mqtt_settings(**changes), RadioFacts()).subscriptions
    assert subscription == (f"eu868/gateway/{EUI}/command/+", qos)


def test_a_prefix_may_have_levels() -> None:
    found = topics(topic_prefix="/tenant/eu868/")
    assert found.event("up") == f"tenant/eu868/gateway/{EUI}/event/up"
    assert found.command(f"tenant/eu868/gateway/{EUI}/command/exec") == "exec"


def test_templates_may_be_the_operators_own() -> None:
    found = topics(
        event_topic="devices/{eui}/up/{event}/{prefix}",
        command_topic="devices/{eui}/{command}/x",
        state_topic="devices/{eui}/alive",
    )
    assert found.event("ack") == f"devices/{EUI}/up/ack/eu868"
    assert (found.commands, found.state) == (f"devices/{EUI}/+/x", f"devices/{EUI}/alive")
    assert found.command(f"devices/{EUI}/down/x") == "down"


def test_the_state_may_be_left_out() -> None:
    assert topics(state_topic="none").state == ""


def test_a_topic_of_another_shape_is_no_command() -> None:
    assert topics().command("down") == ""


@pytest.mark.parametrize(
    ("key", "template"),
    [
        ("event_topic", "{prefix}/{eui}/fixed"),
        ("event_topic", "{gateway}/{event}"),
        ("event_topic", "{}/{event}"),
        ("event_topic", "{prefix.x}/{event}"),
        ("event_topic", "{event"),
        ("event_topic", "+/{event}"),
        ("command_topic", "{eui}/all"),
        ("command_topic", "{eui}/c-{command}"),
        ("command_topic", "{eui}/{command}/#"),
    ],
)
def test_a_template_that_cannot_serve_is_refused_with_its_key(key: str, template: str) -> None:
    with pytest.raises(ValueError, match=key):
        topics(**{key: template})
