"""The packets in flight, on both interpreters."""

from locker.net.mqtt_window import Window


def taken(window):
    packet_id = window.peek()
    window.take()
    return packet_id


def test_no_id_is_used_twice_while_its_packet_is_in_flight():
    window = Window(5)
    ids = [taken(window) for _ in range(5)]
    assert sorted(ids) == [1, 2, 3, 4, 5]
    assert window.free_count == 0 and window.in_flight() == 5


def test_acknowledgements_may_come_in_any_order():
    window = Window(4)
    ids = [taken(window) for _ in range(4)]
    window.acknowledge(ids[2])
    window.acknowledge(ids[0])
    assert window.in_flight() == 2
    assert sorted((taken(window), taken(window))) == sorted((ids[2], ids[0]))


def test_an_acknowledgement_for_nothing_makes_no_room():
    window = Window(3)
    first = taken(window)
    window.acknowledge(first)
    for stray in (first, 3, 4, 65535):
        window.acknowledge(stray)
    assert window.free_count == 3


def test_after_a_broken_connection_nothing_is_in_flight():
    window = Window(3)
    for _ in range(3):
        taken(window)
    window.reset()
    assert window.in_flight() == 0
    assert sorted(taken(window) for _ in range(3)) == [1, 2, 3]
