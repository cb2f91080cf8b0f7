"""What packs read and call at the prompt server."""

from typing import Any

from atelier_graph.context import CurrentNode, entered
from atelier_nodes.packs.prompt_server import BinaryEventTypes, NoClients, PromptServer


class Sent:
    """Receives messages to clients."""

    def __init__(self) -> None:
        self.messages: list[tuple[str | int, Any, str | None]] = []

    def send(self, event: str | int, data: Any, client_id: str | None) -> None:
        self.messages.append((event, data, client_id))


def report(*_: Any, **__: Any) -> None:
    """Takes progress that no test reads."""


def test_the_node_that_runs_is_known() -> None:
    server = PromptServer()
    with entered(CurrentNode("execution", "7", 0, report, lambda: None)):
        assert server.last_node_id == "7"
    assert server.last_node_id is None


async def test_messages_go_to_a_client_or_to_all() -> None:
    server, sent = PromptServer(), Sent()
    server.messages = sent
    server.send_sync("the-pack.event", {"a": 1}, "client")
    await server.send("the-pack.event", {"a": 2})
    assert sent.messages == [("the-pack.event", {"a": 1}, "client"), ("the-pack.event", {"a": 2}, None)]


def test_text_on_a_node_goes_to_the_client_of_the_execution_as_a_binary_message() -> None:
    server, sent = PromptServer(), Sent()
    server.messages = sent
    server.client_id = "client"
    server.send_progress_text("half done", "12")
    assert sent.messages == [(BinaryEventTypes.TEXT, b"\x00\x00\x00\x0212half done", "client")]


def test_without_clients_messages_have_no_receiver() -> None:
    server = PromptServer()
    assert isinstance(server.messages, NoClients)
    server.send_sync("the-pack.event", {})


def test_handlers_change_a_prompt_in_turn_and_one_that_fails_is_passed_over() -> None:
    server = PromptServer()

    def fails(_: dict[str, Any]) -> dict[str, Any]:
        raise ValueError("no such field")

    server.add_on_prompt_handler(lambda body: {**body, "first": True})
    server.add_on_prompt_handler(fails)
    server.add_on_prompt_handler(lambda body: {**body, "second": body["first"]})
    assert server.trigger_on_prompt({}) == {"first": True, "second": True}
