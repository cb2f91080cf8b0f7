"""Caches: what is called again, and what is not."""

import math
from typing import Any

import pytest

from atelier_graph.cache_entry import CacheEntry, CacheKey, ExpansionKeys, NodeCache, PromptKeys
from atelier_graph.caches import ClassicCache, LruCache, NoCache, RamPressureCache
from atelier_graph.events import NodeExecuted
from tests.unit.graph.graphs import ANY, Bench, Graph, node_class

GRAPH: Graph = {"0": ("Inc", {"v": 1, "d": 0.0}), "s": ("Show", {"v": ["0", 0]})}


async def test_nodes_in_the_cache_are_named_at_the_start_and_outputs_publish_their_ui_again() -> None:
    bench = Bench()
    first = await bench.run(GRAPH)
    again = await bench.run(GRAPH)
    assert (first.record.cached, again.record.cached) == ([], ["0", "s"])
    assert again.record.started == []
    assert again.record.of(NodeExecuted) == [NodeExecuted("s", "s", None, "s", {"text": ["2"]})]
    assert again.result == first.result


async def test_an_output_without_ui_in_the_cache_publishes_that_it_was_executed() -> None:
    silent = node_class(lambda v: {"result": ()}, required={"v": ("*", {})}, returns=(), output=True)
    bench = Bench({"Silent": silent})
    graph: Graph = {"1": ("Silent", {"v": 1})}
    assert (await bench.run(graph)).executed == {}
    assert (await bench.run(graph)).executed == {"1": None}


async def test_what_changed_is_called_again_and_so_is_all_that_is_after_it() -> None:
    bench = Bench()
    chain: dict[str, Any] = {"a": ("Value", {"v": 1}), "b": ("Value", {"v": ["a", 0]}), "x": ("Value", {"v": 5})}
    chain["look"] = ("Look", {"v": ["b", 0], "x": ["x", 0]})
    await bench.run({**chain, "look": ("Look", {"v": ["b", 0]}), "other": ("Look", {"v": ["x", 0]})})
    chain["a"] = ("Value", {"v": 2})
    ran = await bench.run({**chain, "look": ("Look", {"v": ["b", 0]}), "other": ("Look", {"v": ["x", 0]})})
    assert ran.record.cached == ["x", "other"]
    assert ran.record.started == ["a", "b", "look"]


async def test_two_nodes_of_equal_inputs_share_a_result_whatever_their_ids() -> None:
    calls = []

    def save(v: object) -> dict[str, Any]:
        calls.append(v)
        return {"ui": {"files": [len(calls)]}}

    saves = node_class(save, required={"v": ANY}, output=True)
    bench = Bench({"Saves": saves})
    ran = await bench.run({"v": ("Value", {"v": 1}), "a": ("Saves", {"v": ["v", 0]}), "b": ("Saves", {"v": ["v", 0]})})
    assert calls == [1]
    assert ran.executed == {"a": {"files": [1]}, "b": {"files": [1]}}
    assert ran.result.meta["b"]["node_id"] == "b"
    renamed = await bench.run({"w": ("Value", {"v": 1}), "c": ("Saves", {"v": ["w", 0]})})
    assert renamed.record.cached == ["w", "c"]


@pytest.mark.parametrize("attributes", [{"NOT_IDEMPOTENT": True}, {"hidden": {"id": "UNIQUE_ID"}}])
async def test_nodes_that_are_not_idempotent_or_take_their_id_share_nothing(attributes: dict[str, Any]) -> None:
    calls = []

    def call(v: object, **_: object) -> tuple[object]:
        calls.append(v)
        return (v,)

    bench = Bench({"Own": node_class(call, required={"v": ("*", {})}, **attributes)})
    graph: Graph = {
        "a": ("Own", {"v": 1}),
        "b": ("Own", {"v": 1}),
        "la": ("Look", {"v": ["a", 0]}),
        "lb": ("Look", {"v": ["b", 0], "x": 1}),
    }
    await bench.run(graph)
    assert calls == [1, 1]
    assert (await bench.run(graph)).record.cached == ["a", "b", "la", "lb"]


async def test_a_literal_that_converts_to_the_same_value_is_the_same() -> None:
    bench = Bench()
    await bench.run({"0": ("Inc", {"v": 1, "d": 5}), "s": ("Show", {"v": ["0", 0]})})
    again = await bench.run({"0": ("Inc", {"v": "1", "d": 5.0}), "s": ("Show", {"v": ["0", 0]})})
    assert again.record.cached == ["0", "s"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (1, "1"),
        ([1, 2], [12]),
        ({"a": 1}, {"a": 2}),
        (None, "None"),
        ([["a"], "b"], [["a", "b"]]),
    ],
)
async def test_values_that_differ_in_type_or_shape_are_not_the_same(one: object, other: object) -> None:
    bench = Bench()
    await bench.run({"1": ("Look", {"v": {"__value__": one}})})
    assert (await bench.run({"1": ("Look", {"v": {"__value__": other}})})).record.cached == []


def _changing(result: Any) -> type:
    return node_class(lambda v: (v,), required={"v": ANY}, IS_CHANGED=classmethod(lambda cls, v: result(v)))


def _graph(v: object = 1) -> Graph:
    return {"c": ("Changing", {"v": v}), "look": ("Look", {"v": ["c", 0]}), "w": ("Value", {"v": 3})}


async def test_is_changed_is_a_part_of_the_key() -> None:
    values = iter([1, 1, 2])
    bench = Bench({"Changing": _changing(lambda v: next(values))})
    cached = [(await bench.run(_graph())).record.cached for _ in range(3)]
    assert cached == [[], ["c", "look"], []]


@pytest.mark.parametrize("result", [lambda v: math.nan, lambda v: object(), lambda v: [1, math.nan], lambda v: 1 / 0])
async def test_a_result_of_is_changed_that_equals_nothing_means_a_call_every_time(result: Any) -> None:
    bench = Bench({"Changing": _changing(result)})
    for _ in range(2):
        ran = await bench.run(_graph())
        assert (ran.record.cached, ran.record.started) == ([], ["c", "look"])


async def test_is_changed_may_be_asynchronous_and_sees_constants_alone() -> None:
    seen = []

    async def changed(v: object, w: object) -> int:
        seen.append((v, w))
        return 1

    changing = node_class(lambda v, w: (v,), required={"v": ANY, "w": ANY}, IS_CHANGED=staticmethod(changed))
    bench = Bench({"Changing": changing})
    graph: Graph = {
        "c": ("Changing", {"v": 1, "w": ["w", 0]}),
        "look": ("Look", {"v": ["c", 0]}),
        "w": ("Value", {"v": 3}),
    }
    await bench.run(graph)
    assert (await bench.run(graph)).record.cached == ["c", "look", "w"]
    assert seen == [(1, None), (1, None)]


async def test_is_changed_of_a_node_is_called_once_in_an_execution() -> None:
    calls: list[object] = []
    bench = Bench({"Changing": _changing(calls.append)})
    await bench.run({**_graph(), "look2": ("Look", {"v": ["c", 0], "x": 1})})
    assert calls == [1]


async def test_a_default_that_changes_is_a_change() -> None:
    default = iter([1, 2, 2, 2, 3, 3, 3])
    node = node_class(
        lambda v: {"ui": {"seen": [v]}},
        output=True,
        INPUT_TYPES=classmethod(lambda cls: {"optional": {"v": ("INT", {"default": next(default)})}}),
    )
    bench = Bench({"Node": node}, validates=False)
    assert [(await bench.run({"1": ("Node", {})}, outputs=["1"])).seen["1"] for _ in range(3)] == [[1], [2], [2]]


async def test_nodes_with_intermediate_output_publish_it_again() -> None:
    middle = node_class(
        lambda v: {"ui": {"x": [v]}, "result": (v,)}, required={"v": ("*", {})}, HAS_INTERMEDIATE_OUTPUT=True
    )
    bench = Bench({"Middle": middle})
    graph: Graph = {"m": ("Middle", {"v": 1}), "look": ("Look", {"v": ["m", 0]})}
    first, again = await bench.run(graph), await bench.run(graph)
    assert again.executed == first.executed == {"m": {"x": [1]}, "look": {"seen": [1]}}
    assert again.result.outputs == first.result.outputs


async def test_a_result_that_the_cache_drops_is_held_while_a_node_needs_it() -> None:
    graph: Graph = {
        "a": ("Value", {"v": 1}),
        "b": ("Value", {"v": ["a", 0]}),
        "look": ("Look", {"v": ["b", 0]}),
        "other": ("Look", {"v": ["a", 0]}),
    }
    ran = await Bench(cache=NoCache()).run(graph)
    assert ran.seen == {"look": [1], "other": [1]}
    assert sorted(ran.record.started) == ["a", "b", "look", "other"]


async def test_without_a_cache_every_execution_calls_every_node() -> None:
    bench = Bench(cache=NoCache())
    for _ in range(2):
        ran = await bench.run(GRAPH)
        assert (ran.record.cached, ran.record.started) == ([], ["0", "s"])


def _key(name: str, scope: str = "") -> CacheKey:
    return CacheKey(name.encode(), scope)


def _begin(cache: NodeCache, *names: str) -> None:
    cache.begin(PromptKeys(frozenset(map(_key, names)), frozenset(names)))


def _stored(cache: NodeCache, *keys: CacheKey) -> list[str]:
    return [key.digest.decode() for key in keys if cache.get(key) is not None]


def _entry(value: object = 1) -> CacheEntry:
    return CacheEntry([[value]])


@pytest.mark.parametrize("cache", [ClassicCache(), LruCache(10), RamPressureCache(lambda: 10**12, lambda _: 1.0)])
def test_a_cache_returns_what_was_put_into_it_until_it_is_cleared(cache: NodeCache) -> None:
    _begin(cache, "a")
    cache.put(_key("a"), _entry(5))
    cache.put(_key("in", "a A"), _entry(6))
    assert cache.get(_key("a")) == _entry(5)
    assert cache.get(_key("in", "a A")) == _entry(6)
    assert cache.get(_key("b")) is None
    cache.clear()
    assert _stored(cache, _key("a"), _key("in", "a A")) == []


def test_the_classic_cache_stores_what_the_last_prompt_used() -> None:
    cache = ClassicCache()
    _begin(cache, "a", "b")
    cache.put(_key("a"), _entry())
    cache.put(_key("b"), _entry())
    _begin(cache, "b", "c")
    assert _stored(cache, _key("a"), _key("b")) == ["b"]


def test_the_classic_cache_stores_an_expansion_while_prompts_have_its_node() -> None:
    cache = ClassicCache()
    _begin(cache, "a")
    cache.expand(ExpansionKeys("a A", "a", frozenset([_key("x", "a A"), _key("y", "a A")])))
    cache.put(_key("x", "a A"), _entry())
    cache.put(_key("y", "a A"), _entry())
    _begin(cache, "a")
    assert _stored(cache, _key("x", "a A"), _key("y", "a A"), _key("x", "b B"), _key("x")) == ["x", "y"]
    cache.expand(ExpansionKeys("a A", "a", frozenset([_key("y", "a A")])))
    assert _stored(cache, _key("x", "a A"), _key("y", "a A")) == ["y"]
    _begin(cache, "b")
    assert _stored(cache, _key("y", "a A")) == []


def test_the_least_recently_used_generations_are_dropped() -> None:
    cache = LruCache(2)
    for name in ("a", "b", "c"):
        _begin(cache, name)
        cache.put(_key(name), _entry())
    _begin(cache, "a")  # used again, so that b is the oldest
    assert _stored(cache, _key("a"), _key("b"), _key("c")) == ["a", "c"]


def test_results_of_the_current_prompt_are_not_dropped_however_small_the_cache() -> None:
    cache = LruCache(1)
    _begin(cache, "a", "b", "c")
    for name in ("a", "b", "c"):
        cache.put(_key(name), _entry())
    _begin(cache, "a", "b", "c")
    assert _stored(cache, _key("a"), _key("b"), _key("c")) == ["a", "b", "c"]
    _begin(cache)
    assert _stored(cache, _key("a"), _key("b"), _key("c")) == []


def test_caches_that_do_not_separate_expansions_share_results_among_them() -> None:
    cache = LruCache(2)
    cache.put(_key("x", "a A"), _entry())
    assert _stored(cache, _key("x", "b B"), _key("x")) == ["x", "x"]


class Memory:
    """A machine's memory, that entries fill with what their output says."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.cache = RamPressureCache(self.free, self.size_of, headroom=10, idle_headroom=30)
        self.names: dict[str, int] = {}

    def put(self, name: str, size: int) -> None:
        self.names[name] = size
        self.cache.put(_key(name), _entry(size))

    @staticmethod
    def size_of(entry: CacheEntry) -> float:
        return float(entry.outputs[0][0])

    def free(self) -> int:
        return self.size - sum(int(self.size_of(entry)) for entry in self.cache.entries())

    def stored(self) -> list[str]:
        return _stored(self.cache, *map(_key, self.names))


def test_with_free_memory_everything_is_stored() -> None:
    memory = Memory(1000)
    for name in ("a", "b", "c"):
        _begin(memory.cache, name)
        memory.put(name, 100)
    assert memory.stored() == ["a", "b", "c"]


def test_with_little_memory_the_largest_goes_first_among_equals_in_age() -> None:
    memory = Memory(100)
    _begin(memory.cache)
    memory.put("small", 20)
    memory.put("large", 50)
    _begin(memory.cache)
    memory.put("now", 15)
    assert memory.stored() == ["small", "now"]


def test_age_counts_for_more_than_size_in_the_end() -> None:
    memory = Memory(100)
    _begin(memory.cache)
    memory.put("old", 20)
    for _ in range(10):
        _begin(memory.cache)
    memory.put("young", 45)
    _begin(memory.cache)
    memory.put("now", 6)
    assert memory.stored() == ["young", "now"]


def test_what_the_current_prompt_uses_is_dropped_only_below_the_smaller_headroom() -> None:
    memory = Memory(100)
    _begin(memory.cache)
    memory.put("a", 40)
    memory.put("b", 45)
    assert memory.stored() == ["a", "b"]
    memory.put("c", 8)
    assert memory.stored() == ["a", "c"]


def test_memory_that_stays_short_costs_no_more_with_every_entry() -> None:
    measured = 0

    def size_of(entry: CacheEntry) -> float:
        nonlocal measured
        measured += 1
        return 1.0

    cache = RamPressureCache(lambda: 20, size_of, headroom=10, idle_headroom=30)
    _begin(cache)
    for number in range(1_000):
        cache.put(_key(f"old{number}"), _entry())
    _begin(cache)
    assert cache.entries() == []
    for number in range(1_000):
        cache.put(_key(f"new{number}"), _entry())
    assert len(cache.entries()) == 1_000
    assert measured <= 1_000
