"""Graph builders, as packs use them."""

from typing import Any

from atelier_graph.context import CurrentNode, entered
from atelier_graph.graph_builder import GraphBuilder, add_graph_prefix


def _nothing(*_: object, **__: object) -> None:
    """Reports to nobody."""


def test_ids_begin_with_the_node_the_call_and_the_graph_that_is_built() -> None:
    with entered(CurrentNode("prompt", "5", 2, _nothing, _nothing)):
        first, second = GraphBuilder(), GraphBuilder()
        assert (first.prefix, second.prefix) == ("5.2.0.", "5.2.1.")
        assert GraphBuilder.alloc_prefix(root="6") == "6.2.0."
    assert first.node("A").id == "5.2.0.1"
    assert first.node("A").id == "5.2.0.2"
    assert first.node("A", "mine").id == "5.2.0.mine"


def test_outside_of_nodes_the_default_prefix_counts_on() -> None:
    GraphBuilder.set_default_prefix("root", 3, 7)
    assert [GraphBuilder().prefix, GraphBuilder().prefix] == ["root.3.7.", "root.3.8."]
    assert GraphBuilder.alloc_prefix("x", 1, 2) == "x.1.2."


def test_a_node_is_made_once_and_found_by_its_id() -> None:
    graph = GraphBuilder(prefix="p.")
    node = graph.node("A", "a", x=1)
    assert graph.node("B", "a") is node
    assert graph.lookup_node("a") is node
    assert graph.lookup_node("b") is None
    graph.remove_node("a")
    assert graph.finalize() == {}


def test_a_finished_graph_has_the_nodes_with_their_inputs() -> None:
    graph = GraphBuilder(prefix="p.")
    a = graph.node("A", x=1)
    b = graph.node("B", y=a.out(0), z=5)
    b.set_input("z", None)
    b.set_override_display_id("7")
    assert (b.get_input("y"), b.get_input("z")) == (["p.1", 0], None)
    assert graph.finalize() == {
        "p.1": {"class_type": "A", "inputs": {"x": 1}},
        "p.2": {"class_type": "B", "inputs": {"y": ["p.1", 0]}, "override_display_id": "7"},
    }


def test_an_output_can_be_replaced_wherever_it_is_used() -> None:
    graph = GraphBuilder(prefix="p.")
    a = graph.node("A", "a")
    b = graph.node("B", "b", x=a.out(0), y=a.out(1))
    graph.replace_node_output("a", 0, 5)
    graph.replace_node_output("a", 1, None)
    assert b.inputs == {"x": 5}


def test_a_prefix_is_added_to_ids_and_links() -> None:
    graph: dict[str, dict[str, Any]] = {
        "1": {"class_type": "A"},
        "2": {"class_type": "B", "inputs": {"x": ["1", 0], "y": [1, 2]}},
    }
    nodes, outputs = add_graph_prefix(graph, [["2", 0], 5], "p.")
    assert nodes == {
        "p.1": {"class_type": "A", "inputs": {}},
        "p.2": {"class_type": "B", "inputs": {"x": ["p.1", 0], "y": [1, 2]}},
    }
    assert outputs == (["p.2", 0], 5)
