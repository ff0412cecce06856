"""The connection to a broker as a state machine, walked through in simulated time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.links.mqtt.reasons import Failure, Trouble
from forwarder.links.mqtt.session import (
    BUSY,
    Dial,
    Ended,
    Event,
    LookAtRoute,
    Opened,
    Ping,
    Session,
    State,
    Subscribe,
    Timing,
)

KEEPALIVE_S = 30.0
MOST_S = 60.0


def a_session(
    addresses: int = 1, chance: Callable[[], float] = lambda: 1.0, timing: Timing | None = None
) -> Session:
    return Session(
        addresses,
        keepalive_s=KEEPALIVE_S,
        most_backoff_s=MOST_S,
        chance=chance,
        timing=timing,
    )


def failure(kind: Trouble = Trouble.NETWORK) -> Failure:
    return Failure(kind, kind.value)


def ends(events: list[Event]) -> list[Ended]:
    return [event for event in events if isinstance(event, Ended)]


def connect(session: Session, now: float = 0.0) -> float:
    """Up, and the time it is then."""
    session.tick(max(now, session.next_tick()))
    now = max(now, 0.0)
    session.dialled(now + 0.1)
    session.connack(now + 0.2)
    session.subscribed(now + 0.3)
    assert session.state is State.UP
    session.events()
    return now + 0.3


def pauses(session: Session, kind: Trouble, count: int) -> Iterator[float]:
    """How long it waits after each of `count` tries that fail."""
    for _ in range(count):
        now = session.next_tick()
        session.tick(now)
        session.ended(failure(kind), now + 1.0)
        (end,) = ends(session.events())
        assert session.next_tick() == now + 1.0 + end.pause_s
        yield end.pause_s


# The way up.


def test_the_steps_of_a_connection_are_seen_and_done_in_order() -> None:
    session = a_session()
    assert session.state is State.STARTING
    session.tick(5.0)
    assert (session.state, session.events()) == (State.CONNECTING, [Dial(0, 0)])
    session.dialled(5.1)
    assert (session.state, session.events()) == (State.AUTHENTICATING, [])
    session.connack(5.2)
    assert (session.state, session.events()) == (State.SUBSCRIBING, [Subscribe()])
    session.subscribed(5.3)
    assert (session.state, session.events()) == (State.UP, [Opened()])
    assert (session.connections, session.up_since) == (1, 5.3)


@pytest.mark.parametrize(
    ("steps", "limit_s", "words"),
    [
        (0, Timing().dial_s, "no connection in time"),
        (1, Timing().answer_s, "says nothing"),
        (2, Timing().answer_s, "does not answer our subscription"),
    ],
)
def test_every_step_has_its_time_and_its_words(steps: int, limit_s: float, words: str) -> None:
    session = a_session()
    session.tick(0.0)
    for step in (session.dialled, session.connack)[:steps]:
        step(0.0)
    session.events()
    session.tick(limit_s - 0.001)
    assert session.events() == []
    assert session.next_tick() == limit_s
    session.tick(limit_s)
    (end,) = ends(session.events())
    assert words in end.failure.words and not end.was_open
    assert session.state is State.UNREACHABLE


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (Trouble.ADDRESS, State.NO_ADDRESS),
        (Trouble.NETWORK, State.UNREACHABLE),
        (Trouble.BUSY, State.UNREACHABLE),
        (Trouble.REFUSED, State.REFUSED),
        (Trouble.CERTIFICATE, State.REFUSED),
        (Trouble.CLOCK, State.UNREACHABLE),
        (Trouble.TWIN, State.TWIN),
    ],
)
def test_a_failed_try_shows_what_is_wrong(kind: Trouble, state: State) -> None:
    session = a_session()
    session.tick(0.0)
    session.ended(failure(kind), 1.0)
    assert session.state is state
    assert session.trouble == failure(kind)


def test_a_lost_connection_is_told_apart_from_one_that_never_stood() -> None:
    session = a_session()
    now = connect(session)
    session.ended(failure(), now + 1)
    assert session.state is State.LOST
    assert [end.was_open for end in ends(session.events())] == [True]


def test_a_subscription_that_is_refused_is_no_connection() -> None:
    session = a_session()
    session.tick(0.0)
    session.dialled(0.1)
    session.connack(0.2)
    session.ended(failure(Trouble.REFUSED), 0.3)
    assert session.state is State.REFUSED
    assert not any(isinstance(event, Opened) for event in session.events())


# Pauses.


def test_pauses_double_up_to_the_ceiling() -> None:
    assert list(pauses(a_session(), Trouble.NETWORK, 9)) == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_pause_is_anything_from_nothing_to_its_ceiling() -> None:
    chances = iter([0.0, 0.5, 0.25, 1.0])
    session = a_session(chance=lambda: next(chances))
    assert list(pauses(session, Trouble.NETWORK, 4)) == [0.0, 1.0, 1.0, 8.0]


def test_pauses_start_low_again_only_after_a_stable_minute() -> None:
    for lived_s, pause_s in ((59.0, 16.0), (60.0, 1.0)):
        session = a_session()
        list(pauses(session, Trouble.NETWORK, 4))
        now = connect(session, 1000.0)
        session.heard(now + lived_s)
        session.ended(failure(), now + lived_s)
        assert [end.pause_s for end in ends(session.events())] == [pause_s]


def test_whoever_was_let_in_before_does_not_believe_the_first_refusals() -> None:
    session = a_session()
    session.ended(failure(), connect(session) + 1)
    session.events()
    seen = list(pauses(session, Trouble.REFUSED, 8))
    assert seen == [2, 4, 8, 16, 32, 60, 30, 60]


def test_refusals_wait_longer_but_never_for_ever() -> None:
    assert list(pauses(a_session(), Trouble.REFUSED, 7)) == [30, 60, 120, 240, 480, 600, 600]
    least = list(pauses(a_session(chance=lambda: 0.0), Trouble.REFUSED, 2))
    assert least == [15, 30], "half of a long pause is certain"


def test_a_wrong_clock_is_tried_again_every_few_seconds_however_long_it_lasts() -> None:
    assert set(pauses(a_session(), Trouble.CLOCK, 50)) == {4.5}
    assert set(pauses(a_session(chance=lambda: 0.0), Trouble.CLOCK, 50)) == {1.5}


def test_new_certificates_or_a_new_route_cost_no_more_than_a_second() -> None:
    for kind in (Trouble.RENEWED, Trouble.MOVED):
        session = a_session()
        now = connect(session)
        session.ended(failure(kind), now + 1)
        assert [end.pause_s for end in ends(session.events())] == [1.0]


def test_the_last_trouble_is_shown_until_a_connection_has_been_steady() -> None:
    session = a_session()
    list(pauses(session, Trouble.NETWORK, 1))
    up_s = connect(session, 1000.0)
    steady_s = up_s + Timing().steady_s
    session.heard(steady_s - 2)
    session.tick(steady_s - 1)
    assert session.trouble is not None
    session.tick(steady_s)
    assert session.trouble is None


def test_the_pause_before_another_address_is_any_part_of_a_second() -> None:
    session = a_session(2, chance=lambda: 0.5)
    assert next(pauses(session, Trouble.NETWORK, 1)) == 0.5


def test_what_may_have_changed_ends_a_pause_and_harms_no_connection() -> None:
    session = a_session()
    session.tick(0.0)
    session.ended(failure(Trouble.REFUSED), 1.0)
    session.retry(5.0)
    assert session.next_tick() == 5.0
    session.tick(5.0)
    session.events()
    session.retry(6.0)
    session.tick(6.0)
    assert (session.state, session.events()) == (State.CONNECTING, [])


# Several addresses.


def dials(session: Session, count: int, kind: Trouble = Trouble.NETWORK) -> list[int]:
    tried = []
    for _ in range(count):
        session.tick(now := session.next_tick())
        tried += [event.address for event in session.events() if isinstance(event, Dial)]
        session.ended(failure(kind), now + 1)
    session.events()
    return tried


def test_every_address_has_its_turn() -> None:
    assert dials(a_session(3), 7) == [0, 1, 2, 0, 1, 2, 0]


def test_pauses_grow_by_rounds_and_not_by_addresses() -> None:
    assert list(pauses(a_session(3), Trouble.NETWORK, 9)) == [1, 1, 1, 1, 1, 2, 1, 1, 4]


@pytest.mark.parametrize(
    ("lived_s", "kind", "tried"),
    [
        pytest.param(60, Trouble.CLOSED, [0, 1], id="the first, where a good one was closed"),
        pytest.param(59, Trouble.CLOSED, [2, 0], id="the next, where it had not proved itself"),
        pytest.param(60, Trouble.NETWORK, [2, 0], id="the next, where it went silent"),
    ],
)
def test_after_a_lost_connection_comes(lived_s: float, kind: Trouble, tried: list[int]) -> None:
    session = a_session(3)
    assert dials(session, 1) == [0]
    now = connect(session, 100.0)
    assert session.address == 1
    session.heard(now + lived_s)
    session.ended(failure(kind), now + lived_s)
    assert dials(session, 2) == tried


def test_what_answers_and_is_no_good_is_tried_at_its_next_ip_address() -> None:
    session = a_session()
    turns = []
    for reaches in (False, True, False, True):
        session.tick(now := session.next_tick())
        turns += [event.turn for event in session.events() if isinstance(event, Dial)]
        if reaches:
            session.dialled(now)
        session.ended(failure(), now + 1)
        session.events()
    assert turns == [0, 0, 1, 1]


# Silence.


def due(session: Session, until: float) -> list[tuple[float, type[Event]]]:
    """Live on with a broker that says nothing; routes are not of interest."""
    seen: list[tuple[float, type[Event]]] = []
    while session.state is State.UP and (now := session.next_tick()) <= until:
        session.tick(now)
        seen += [(now, type(e)) for e in session.events() if not isinstance(e, LookAtRoute)]
    return seen


def test_a_silent_broker_is_asked_after_a_keepalive_and_given_up_after_one_and_a_half() -> None:
    session = a_session()
    start = connect(session)
    seen = due(session, start + 100)
    assert seen[0] == (start + KEEPALIVE_S, Ping)
    assert seen[-1] == (start + 1.5 * KEEPALIVE_S, Ended)
    assert session.trouble is not None and "silent for 45 s" in session.trouble.words


def test_what_we_send_does_not_hide_that_the_broker_is_silent() -> None:
    session = a_session()
    start = connect(session)
    for step in range(1, 44):
        session.sent(start + step)
        session.tick(start + step)
    assert not ends(session.events())
    session.tick(start + 1.5 * KEEPALIVE_S)
    assert len(ends(session.events())) == 1


def test_what_the_broker_sends_does_not_hide_that_we_are_silent() -> None:
    session = a_session()
    start = connect(session)
    for step in range(1, 30):
        session.heard(start + step)
    session.tick(start + KEEPALIVE_S)
    assert [e for e in session.events() if isinstance(e, Ping)]


def test_a_connection_in_use_is_not_asked() -> None:
    session = a_session()
    now = connect(session)
    for _ in range(100):
        now += 20
        session.heard(now)
        session.sent(now)
        session.tick(now)
    assert not [e for e in session.events() if not isinstance(e, LookAtRoute)]


def test_a_broker_may_prescribe_another_keepalive_or_none() -> None:
    for keepalive_s, silent_at in ((10.0, 15.0), (0.0, None)):
        session = a_session()
        session.tick(0.0)
        session.dialled(0.0)
        session.connack(0.0, keepalive_s=keepalive_s)
        session.subscribed(0.0)
        session.events()
        seen = due(session, 1000.0)
        assert [at for at, kind in seen if kind is Ended] == ([silent_at] if silent_at else [])


def test_the_route_is_looked_at_all_the_time() -> None:
    session = a_session()
    start = connect(session)
    looks = []
    while (now := session.next_tick()) <= start + 60:
        session.heard(now)
        session.tick(now)
        looks += [now for event in session.events() if isinstance(event, LookAtRoute)]
    assert looks == [pytest.approx(start + n * Timing().route_s) for n in (1, 2, 3, 4)]


# Twins.


def lives(session: Session, lived_s: float, kind: Trouble = Trouble.CLOSED) -> Ended:
    now = connect(session, session.next_tick())
    session.heard(now + lived_s)
    session.ended(failure(kind), now + lived_s)
    (end,) = ends(session.events())
    return end


def test_a_broker_that_says_that_our_id_is_taken_is_believed_at_once() -> None:
    session = a_session()
    end = lives(session, 100.0, Trouble.TWIN)
    assert (session.state, end.pause_s) == (State.TWIN, 60.0)


def test_three_connections_closed_right_after_connack_are_a_twin_and_there_is_no_fight() -> None:
    session = a_session()
    seen = [lives(session, 1.0) for _ in range(5)]
    kinds = [end.failure.kind for end in seen]
    assert kinds == [Trouble.CLOSED] * 2 + [Trouble.TWIN] * 3
    assert [end.pause_s for end in seen[2:]] == [60, 120, 240]
    assert "client_id" in seen[2].failure.words


def test_losses_far_apart_or_by_the_network_are_no_twin() -> None:
    for lived_s, kind in ((11.0, Trouble.CLOSED), (1.0, Trouble.NETWORK)):
        session = a_session()
        assert {lives(session, lived_s, kind).failure.kind for _ in range(9)} == {kind}


def test_a_broker_that_is_ill_in_other_ways_too_is_no_twin() -> None:
    session = a_session()
    for _ in range(4):
        assert lives(session, 1.0).failure.kind is Trouble.CLOSED
        assert lives(session, 1.0).failure.kind is Trouble.CLOSED
        assert dials(session, 1) == [0]  # and it does not answer


def test_brokers_that_each_close_once_are_no_twin_but_one_that_does_so_thrice_is() -> None:
    session = a_session(3)
    kinds = [lives(session, 1.0).failure.kind for _ in range(7)]
    assert kinds == [Trouble.CLOSED] * 6 + [Trouble.TWIN]


def test_a_stable_minute_ends_the_suspicion() -> None:
    session = a_session()
    for _ in range(4):
        lives(session, 1.0)
    lives(session, 61.0)
    assert lives(session, 1.0).failure.kind is Trouble.CLOSED
    assert session.state is State.LOST


def test_a_stable_minute_at_one_broker_ends_the_suspicion_of_the_others() -> None:
    session = a_session(2)
    for _ in range(4):
        lives(session, 1.0)
    lives(session, 61.0)
    assert lives(session, 1.0).failure.kind is Trouble.CLOSED


# A broker that answers pings and acknowledges nothing.


def pinged(session: Session, until: float) -> list[Ended]:
    """Time passes, and every ping is answered."""
    seen: list[Ended] = []
    while session.state is State.UP and (now := session.next_tick()) <= until:
        session.tick(now)
        events = session.events()
        seen += ends(events)
        if any(isinstance(event, Ping) for event in events):
            session.heard(now)
    return seen


def test_messages_that_nobody_acknowledges_end_a_connection_that_answers_pings() -> None:
    session = a_session(2)
    now = connect(session)
    session.owed(1, now + 50)
    session.owed(2, now + 60)
    assert not pinged(session, now + 94.9)
    (end,) = pinged(session, now + 95.1)
    assert end.was_open and "not acknowledged" in end.failure.words
    assert session.address == 1


def test_each_acknowledgement_gives_a_slow_broker_time_again() -> None:
    session = a_session()
    now = connect(session)
    for number in range(20):
        session.owed(number, now)
    for number in range(20):
        assert not pinged(session, now + (number + 1) * 44)
        session.paid(number, now + (number + 1) * 44)
    assert not pinged(session, now + 10_000)


def test_acknowledgements_of_later_messages_do_not_make_up_for_the_oldest() -> None:
    session = a_session()
    now = connect(session)
    for number in range(10):
        session.owed(number, now)
        session.paid(number or 99, now + number)
    assert not pinged(session, now + 44.9)
    assert pinged(session, now + 45.1)


def test_time_runs_anew_for_what_is_sent_after_all_was_acknowledged() -> None:
    session = a_session()
    now = connect(session)
    session.owed(1, now)
    session.paid(1, now + 1)
    session.owed(2, now + 40)
    assert not pinged(session, now + 84.9)
    assert pinged(session, now + 85.1)


def test_what_an_earlier_connection_owed_is_forgotten() -> None:
    session = a_session()
    now = connect(session)
    session.owed(1, now)
    session.ended(failure(), now + 1)
    now = connect(session, session.next_tick())
    assert not pinged(session, now + 1000)


# Any order of events.

Call = Callable[[Session, float], None]


def ended_by(kind: Trouble) -> Call:
    return lambda session, now: session.ended(failure(kind), now)


CALLS: dict[str, Call] = {
    "dialled": Session.dialled,
    "connack": Session.connack,
    "subscribed": Session.subscribed,
    "heard": Session.heard,
    "sent": Session.sent,
    "owed": lambda session, now: session.owed(1, now),
    "owed another": lambda session, now: session.owed(2, now),
    "paid": lambda session, now: session.paid(1, now),
    "retry": Session.retry,
    "tick": Session.tick,
    "late tick": lambda session, now: session.tick(max(now, session.next_tick())),
    **{f"ended by {kind.name}": ended_by(kind) for kind in Trouble},
}


@given(
    st.lists(st.tuples(st.sampled_from(sorted(CALLS)), st.floats(0, 100)), max_size=60),
    st.integers(1, 3),
    st.floats(0, 1),
)
def test_whatever_happens_it_is_never_stuck(
    story: list[tuple[str, float]], addresses: int, chance: float
) -> None:
    session = a_session(addresses, lambda: chance)
    now, open_ = 0.0, False
    for name, passes_s in story:
        now += passes_s
        CALLS[name](session, now)
        assert isfinite(session.next_tick()), "one timer is always armed"
        for event in session.events():
            match event:
                case Opened():
                    assert not open_
                    open_ = True
                case Ended(_, was_open, pause_s):
                    assert was_open is open_ and 0 <= pause_s <= 900
                    open_ = False
                case Dial(address):
                    assert address < addresses
        assert open_ is (session.state is State.UP)
    # With a network and a broker that do what they should, it is up again after its pause.
    for _ in range(200):
        if session.state in BUSY:
            break
        session.tick(now := session.next_tick())
    session.ended(failure(), now)
    session.tick(now := session.next_tick())
    session.dialled(now)
    session.connack(now)
    session.subscribed(now)
    assert session.state is State.UP
