"""V3 nodes are declared, validated and run by the engine as V1 nodes are."""

import sys
from typing import Any

import pytest

from atelier_graph.node_class import NodeClass
from atelier_nodes.packs import registry
from atelier_nodes.packs.loading import load_packs
from atelier_nodes.packs.synchronous_nodes import SynchronousNodes
from tests.unit.packs.pack_folder import PackFolder
from tests.unit.packs.v3_graph import V3Graphs, node
from tests.unit.packs.v3_pack import V3_PACK


@pytest.fixture
async def graphs(packs: PackFolder) -> V3Graphs:
    packs.write("v3-pack/__init__.py", V3_PACK)
    (report,) = (await load_packs([packs.path])).reports
    assert report.error == ""
    assert report.notes == (
        "NoExecute: TypeError: NoExecute has no class method execute",
        "Same: ValueError: Node 'v3.Same' has several inputs named 'a'",
    )
    return V3Graphs()


def info(name: str) -> dict[str, Any]:
    return NodeClass.of(name, registry.NODE_CLASSES[name]).to_info()


def shown(**inputs: Any) -> dict[str, Any]:
    return {"show": node("v3.Show", **inputs)}


async def value(graphs: V3Graphs, nodes: dict[str, Any]) -> str:
    """What the node `show` shows of a graph."""
    result = await graphs.run({**nodes, **shown(value=["1", 0])})
    assert result.error is None, result.error
    (found,) = result.outputs["show"]["value"]
    assert isinstance(found, str)
    return found


@pytest.mark.usefixtures("graphs")
def test_a_schema_is_declared_in_the_form_of_object_info() -> None:
    found = info("v3.Widgets")
    assert found["input"]["required"] == {
        "count": ["INT", {"min": 1, "max": 8, "step": 1, "display": "slider", "default": 2}],
        "strength": ["FLOAT", {"min": 0.0, "max": 1.0, "round": 0.01, "default": 0.5, "tooltip": "How much."}],
        "on": ["BOOLEAN", {"label_on": "yes", "label_off": "no", "default": True}],
        "mode": ["COMBO", {"options": ["fast", "good"], "default": "fast"}],
    }
    assert found["input"]["optional"] == {
        "text": ["STRING", {"multiline": True, "default": ""}],
        "tags": ["COMBO", {"options": ["a", "b", "c"], "multiselect": True}],
    }
    assert (found["output"], found["output_name"], found["output_tooltips"]) == (
        ["*"],
        ["everything"],
        ["What it got."],
    )
    assert (found["category"], found["description"]) == ("v3/test", "Widgets.")
    assert found["python_module"] == "custom_nodes.v3-pack"
    assert registry.DISPLAY_NAMES["v3.Widgets"] == "All widgets"


@pytest.mark.usefixtures("graphs")
def test_an_output_node_declares_the_hidden_inputs_that_files_carry() -> None:
    hidden = info("v3.Show")["input"]["hidden"]
    assert hidden == {"unique_id": "UNIQUE_ID", "prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}


@pytest.mark.usefixtures("graphs")
def test_dynamic_inputs_are_declared_as_clients_read_them() -> None:
    found = info("v3.Collect")
    assert found["dynamic_inputs"] is True
    type_, options = found["input"]["required"]["numbers"]
    assert type_ == "COMFY_AUTOGROW_V3"
    assert options["template"] == {
        "input": {"required": {"number": ["INT", {"default": 0}]}, "optional": {}},
        "prefix": "number",
        "min": 2,
        "max": 4,
    }
    type_, options = info("v3.Choose")["input"]["required"]["kind"]
    assert type_ == "COMFY_DYNAMICCOMBO_V3"
    assert [option["key"] for option in options["options"]] == ["word", "nested"]
    switch = info("v3.Switch")
    assert switch["input"]["required"]["yes"] == [
        "COMFY_MATCHTYPE_V3",
        {"lazy": True, "template": {"template_id": "T", "allowed_types": "*"}},
    ]
    assert switch["output_matchtypes"] == ["T"]


async def test_widgets_have_their_values_and_an_omitted_optional_one_its_default(graphs: V3Graphs) -> None:
    given = node("v3.Widgets", count="3", strength=1, on=False, mode="good", tags={"__value__": ["a", "c"]})
    assert await value(graphs, {"1": given}) == "[3, 1.0, '', False, 'good', ['a', 'c']]"


async def test_widgets_are_validated_by_their_schema(graphs: V3Graphs) -> None:
    wrong = node("v3.Widgets", count=9, strength=-1, mode="best", tags={"__value__": ["z"]})
    assert await graphs.errors({"1": wrong, **shown(value=["1", 0])}) == {
        "1": [
            "value_bigger_than_max",
            "value_smaller_than_min",
            "required_input_missing",
            "value_not_in_list",
            "value_not_in_list",
        ]
    }


async def test_hidden_inputs_are_on_the_class_and_undeclared_ones_are_none(graphs: V3Graphs) -> None:
    result = await graphs.run(shown(value=1), extra_pnginfo={"workflow": {}})
    assert result.outputs["show"]["hidden"] == ["show", ["show"], {"workflow": {}}, None]


async def test_a_group_that_grows_arrives_as_one_dict(graphs: V3Graphs) -> None:
    slow = {"2": node("v3.Slow", steps=5)}
    given = node("v3.Collect", numbers__number0=1, numbers__number1="2", numbers__number3=["2", 0], words__right="r")
    assert await value(graphs, {**slow, "1": given}) == ("[{'number0': 1, 'number1': 2, 'number3': 5}, {'right': 'r'}]")


async def test_the_first_inputs_of_a_group_are_required_and_all_of_them_checked(graphs: V3Graphs) -> None:
    wrong = {"1": node("v3.Collect", numbers__number0="x", numbers__number2=["show", 7]), **shown(value=["1", 0])}
    assert await graphs.errors(wrong) == {"1": ["invalid_input_type", "required_input_missing", "bad_linked_input"]}


async def test_a_choice_brings_its_inputs(graphs: V3Graphs) -> None:
    word = node("v3.Choose", kind="word", kind__word="hello")
    assert await value(graphs, {"1": word}) == "[{'kind': 'word', 'word': 'hello', 'bonus': None}, None]"
    nested = node("v3.Choose", kind="nested", kind__how="times", kind__how__times=2)
    assert await value(graphs, {"1": nested}) == "[{'kind': 'nested', 'how': {'how': 'times', 'times': 2}}, None]"


async def test_the_inputs_of_a_choice_are_validated_and_those_of_others_not_missed(graphs: V3Graphs) -> None:
    def errors(**inputs: Any) -> Any:
        return graphs.errors({"1": node("v3.Choose", **inputs), **shown(value=["1", 0])})

    assert await errors(kind="word") == {"1": ["required_input_missing"]}
    assert await errors(kind="nested", kind__how="times", kind__how__times=4) == {"1": ["value_bigger_than_max"]}
    assert await errors(kind="nested", kind__how="never") == {}
    assert await errors(kind="word", kind__word="HEY") == {"1": ["custom_validation_failed"] * 2}


async def test_a_slot_brings_its_inputs_while_it_is_linked(graphs: V3Graphs) -> None:
    picture = {"2": node("v3.Grey", side=8)}
    linked = node("v3.Choose", kind="word", kind__word="w", picture=["2", 0], picture__weight=0.25)
    assert await value(graphs, {**picture, "1": linked}) == "[{'kind': 'word', 'word': 'w', 'bonus': None}, 0.25]"


async def test_an_asynchronous_node_reports_progress_with_a_preview(graphs: V3Graphs) -> None:
    assert (await value(graphs, {"1": node("v3.Grey", side=8)})).startswith("tensor(")
    assert [(event.node, event.value, event.max) for event in graphs.progress] == [("1", 1, 2), ("1", 2, 2)]
    preview = graphs.progress[-1].preview
    assert preview is not None
    assert preview.startswith(b"\xff\xd8")


async def test_a_synchronous_node_reports_progress(graphs: V3Graphs) -> None:
    await value(graphs, {"1": node("v3.Slow", steps=3)})
    assert [(event.value, event.max) for event in graphs.progress] == [(1, 3), (2, 3), (3, 3)]


async def test_a_lazy_input_is_evaluated_only_when_the_node_requests_it(graphs: V3Graphs) -> None:
    branches = {"2": node("v3.Slow", steps=1), "3": node("v3.Counted", value=1)}
    switch = node("v3.Switch", on=True, yes=["2", 0], no=["3", 0])
    assert await value(graphs, {**branches, "1": switch}) == "1"
    assert pack_module().calls == []


async def test_a_node_runs_again_when_its_fingerprint_changes(graphs: V3Graphs) -> None:
    counted = {"1": node("v3.Counted", value=1)}
    assert [await value(graphs, counted), await value(graphs, counted)] == ["1", "1"]
    pack_module().Counted.number = 1
    assert await value(graphs, counted) == "2"


async def test_a_node_validates_inputs_itself(graphs: V3Graphs) -> None:
    assert await value(graphs, {"1": node("v3.Even", value=6)}) == "6"  # the engine does not check its bound
    validation = await graphs.validate({"1": node("v3.Even", value=3), **shown(value=["1", 0])})
    (error,) = validation.node_errors["1"]["errors"]
    assert (error["type"], error["details"]) == ("custom_validation_failed", "value - 3 is odd")


async def test_a_node_expands_into_a_graph_only_if_its_schema_allows_it(graphs: V3Graphs) -> None:
    assert await value(graphs, {"1": node("v3.Twice", value=2)}) == "4"
    result = await graphs.run({"1": node("v3.Smuggle", value=2), **shown(value=["1", 0])})
    assert result.error is not None
    assert "its schema does not say enable_expand=True" in result.error.exception_message


async def test_a_node_blocks_what_follows(graphs: V3Graphs) -> None:
    result = await graphs.run({"1": node("v3.Gate", open=False), **shown(value=["1", 0])})
    assert (result.status, result.outputs) == ("success", {})


async def test_a_node_cannot_store_state_in_its_class(graphs: V3Graphs) -> None:
    result = await graphs.run({"1": node("v3.Stateful", value=1), **shown(value=["1", 0])})
    assert result.error is not None
    assert result.error.exception_type == "AttributeError"
    assert not hasattr(pack_module().Stateful, "last")


async def test_lists_go_in_and_out_whole_and_a_hidden_input_may_have_the_name_of_another(graphs: V3Graphs) -> None:
    result = await graphs.run({"1": node("v3.Listed", count=2, prompt="cat"), **shown(value=["1", 0])})
    assert result.outputs["show"]["value"] == ["cat 0 of 2", "cat 1 of 2"]


async def test_a_node_may_take_inputs_that_it_does_not_declare(graphs: V3Graphs) -> None:
    assert await value(graphs, {"1": node("v3.Anything", a=1, b="x")}) == "{'a': 1, 'b': 'x'}"


@pytest.mark.usefixtures("graphs")
def test_an_asynchronous_node_that_another_pack_calls_returns_its_result() -> None:
    later = SynchronousNodes(registry.NODE_CLASSES)["v3.Later"]
    assert getattr(later(), "EXECUTE_NORMALIZED_ASYNC")(value=4) == (4,)  # noqa: B009 - of the V1 surface


async def test_a_pack_that_brings_a_cache_provider_loads(packs: PackFolder, caplog: pytest.LogCaptureFixture) -> None:
    packs.write("cached.py", CACHE_PROVIDER)
    (report,) = (await load_packs([packs.path])).reports
    assert report.error == ""
    assert "cache provider Store is not asked" in caplog.text


CACHE_PROVIDER = """
from comfy_api.latest import Caching, ComfyAPI, ComfyExtension


class Store(Caching.CacheProvider):
    async def on_lookup(self, context):
        return None

    async def on_store(self, context, value):
        pass


class Extension(ComfyExtension):
    async def on_load(self):
        Caching.register_provider(Store())
        await ComfyAPI().caching.register_provider(Store())

    async def get_node_list(self):
        return []


async def comfy_entrypoint():
    return Extension()
"""


def pack_module() -> Any:
    (name,) = [name for name in sys.modules if name.endswith("/v3-pack")]
    return sys.modules[name]
