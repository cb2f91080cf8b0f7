"""The schedule as a pure object."""

import time

from atelier_graph.schedule import Schedule


def _drained(schedule: Schedule) -> list[str]:
    order = []
    while (node_id := schedule.take()) is not None:
        order.append(node_id)
        schedule.finish(node_id)
    return order


def _schedule(links: list[tuple[str, str]], *, outputs: str = "", eager: str = "") -> Schedule:
    """A schedule of nodes with names of one letter; a link is a node and one that it waits for."""
    schedule = Schedule()
    names = list(dict.fromkeys(name for link in links for name in link if name))
    for name in names:
        schedule.add(name, is_output=name in outputs, is_async=name in eager)
    for node, upstream in links:
        if upstream:
            schedule.wait(node, upstream)
    for name in names:
        schedule.release(name)
    return schedule


def test_nodes_run_after_those_they_wait_for() -> None:
    assert _drained(_schedule([("a", "b"), ("b", "c"), ("a", "c")])) == ["c", "b", "a"]


def test_of_ready_nodes_an_output_or_an_asynchronous_one_is_first_in_the_order_they_were_added() -> None:
    assert _drained(_schedule([("a", ""), ("b", ""), ("c", ""), ("d", "")], outputs="d", eager="b")) == [
        "b",
        "d",
        "a",
        "c",
    ]


def test_a_node_that_an_output_waits_for_comes_next_and_then_one_before_such_a_node() -> None:
    links = [("x", ""), ("o", "p"), ("p", "q"), ("m", "n"), ("o", "m"), ("r", "")]
    assert _drained(_schedule(links, outputs="o")) == ["q", "p", "n", "m", "o", "x", "r"]


def test_an_output_that_becomes_near_moves_a_ready_node_forward() -> None:
    schedule = _schedule([("a", ""), ("b", ""), ("c", "")])
    schedule.add("o", is_output=True, is_async=False)
    schedule.wait("o", "c")
    schedule.release("o")
    assert _drained(schedule) == ["c", "o", "a", "b"]


def test_a_taken_node_can_be_released_again_with_more_to_wait_for() -> None:
    schedule = _schedule([("a", ""), ("b", "a")])
    assert schedule.take() == "a"
    schedule.add("c", is_output=False, is_async=False)
    schedule.wait("a", "c")
    schedule.release("c")
    schedule.release("a")
    assert _drained(schedule) == ["c", "a", "b"]


def test_nodes_that_wait_for_each_other_are_a_cycle() -> None:
    schedule = _schedule([("o", "a"), ("a", "b"), ("b", "c"), ("c", "a")])
    assert schedule.take() is None
    assert sorted(schedule.cycle()) == ["a", "b", "c"]


def test_a_node_that_waits_for_itself_is_a_cycle() -> None:
    schedule = _schedule([("o", "a"), ("a", "a")])
    assert schedule.cycle() == ["a"]


def test_a_node_that_forty_thousand_wait_for_costs_no_more_than_its_links() -> None:
    schedule = Schedule()
    schedule.add("hub", is_output=False, is_async=False)
    schedule.add("end", is_output=True, is_async=False)
    names = [f"n{number}" for number in range(40_000)]
    for name in names:
        schedule.add(name, is_output=False, is_async=False)
        schedule.wait(name, "hub")
        schedule.wait("end", name)
    for name in ("hub", "end", *names):
        schedule.release(name)
    started = time.perf_counter()
    assert _drained(schedule) == ["hub", *names, "end"]
    assert time.perf_counter() - started < 10
