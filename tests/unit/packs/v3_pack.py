"""A V3 pack with every kind of input, as a source text."""

V3_PACK = '''
import asyncio

import torch
from comfy_api.latest import ComfyExtension, io
from comfy_api.v0_0_2 import ComfyAPI, ComfyAPISync
from comfy_execution.graph_utils import GraphBuilder

api, api_sync = ComfyAPI(), ComfyAPISync()
calls = []


class Widgets(io.ComfyNode):
    """Returns what its widgets say."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="v3.Widgets",
            display_name="All widgets",
            category="v3/test",
            description="Widgets.",
            inputs=[
                io.Int.Input("count", default=2, min=1, max=8, step=1, display_mode=io.NumberDisplay.slider),
                io.Float.Input("strength", default=0.5, min=0.0, max=1.0, round=0.01, tooltip="How much."),
                io.String.Input("text", default="", multiline=True, optional=True),
                io.Boolean.Input("on", default=True, label_on="yes", label_off="no"),
                io.Combo.Input("mode", options=["fast", "good"], default="fast"),
                io.MultiCombo.Input("tags", options=["a", "b", "c"], optional=True),
            ],
            outputs=[io.AnyType.Output("all", display_name="everything", tooltip="What it got.")],
        )

    @classmethod
    def execute(cls, count, strength, on, mode, text="none", tags=()):
        return io.NodeOutput([count, strength, text, on, mode, list(tags)])


class Show(io.ComfyNode):
    """Shows any value."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="v3.Show", inputs=[io.AnyType.Input("value")], outputs=[], is_output_node=True,
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, value):
        hidden = cls.hidden
        return io.NodeOutput(ui={"value": [str(value)], "hidden": [
            hidden.unique_id, sorted(hidden.prompt), hidden.extra_pnginfo, hidden.dynprompt,
        ]})


class Collect(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        template = io.Autogrow.TemplatePrefix(io.Int.Input("number", default=0), prefix="number", min=2, max=4)
        names = io.Autogrow.TemplateNames(io.String.Input("word"), names=["left", "right"], min=0)
        return io.Schema(
            node_id="v3.Collect",
            inputs=[io.Autogrow.Input("numbers", template=template), io.Autogrow.Input("words", template=names)],
            outputs=[io.AnyType.Output()],
        )

    @classmethod
    def execute(cls, numbers: io.Autogrow.Type, words: io.Autogrow.Type):
        return io.NodeOutput([numbers, words])


class Choose(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        inner = io.DynamicCombo.Input("how", options=[
            io.DynamicCombo.Option("times", [io.Int.Input("times", min=1, max=3)]),
            io.DynamicCombo.Option("never", []),
        ])
        return io.Schema(
            node_id="v3.Choose",
            inputs=[
                io.DynamicCombo.Input("kind", options=[
                    io.DynamicCombo.Option("word", [io.String.Input("word"), io.Int.Input("bonus", optional=True)]),
                    io.DynamicCombo.Option("nested", [inner]),
                ]),
                io.DynamicSlot.Input(io.Image.Input("picture", optional=True), [io.Float.Input("weight", default=1.0)]),
            ],
            outputs=[io.AnyType.Output()],
        )

    @classmethod
    def validate_inputs(cls, kind):
        return "no shouting" if kind.get("word") == "HEY" else True

    @classmethod
    def execute(cls, kind: io.DynamicCombo.Type, picture=None):
        return io.NodeOutput([kind, picture and picture["weight"]])


class Grey(io.ComfyNode):
    """Draws, asynchronously, with progress and a preview."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="v3.Grey", inputs=[io.Int.Input("side", default=8)], outputs=[io.Image.Output()]
        )

    @classmethod
    async def execute(cls, side):
        picture = torch.full((1, side, side, 3), 0.5)
        await api.execution.set_progress(1, 2)
        await asyncio.sleep(0)
        await api.execution.set_progress(2, 2, preview_image=picture)
        return io.NodeOutput(picture)


class Slow(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="v3.Slow", inputs=[io.Int.Input("steps")], outputs=[io.Int.Output()])

    @classmethod
    def execute(cls, steps):
        for step in range(steps):
            api_sync.execution.set_progress(step + 1, steps)
        return io.NodeOutput(steps)


class Later(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="v3.Later", inputs=[io.Int.Input("value")], outputs=[io.Int.Output()])

    @classmethod
    async def execute(cls, value):
        await asyncio.sleep(0)
        return io.NodeOutput(value)


class Switch(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        template = io.MatchType.Template("T")
        return io.Schema(
            node_id="v3.Switch",
            hidden=[io.Hidden.unique_id],
            inputs=[
                io.Boolean.Input("on"),
                io.MatchType.Input("yes", template=template, lazy=True),
                io.MatchType.Input("no", template=template, lazy=True),
            ],
            outputs=[io.MatchType.Output(template=template, display_name="out")],
        )

    @classmethod
    def check_lazy_status(cls, on, yes=None, no=None):
        assert cls.hidden.unique_id
        needed = "yes" if on else "no"
        return [needed] if {"yes": yes, "no": no}[needed] is None else []

    @classmethod
    def execute(cls, on, yes=None, no=None):
        return io.NodeOutput(yes if on else no)


class Counted(io.ComfyNode):
    """Runs again when the number of its fingerprint changes."""

    number = 0

    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="v3.Counted", inputs=[io.Int.Input("value")], outputs=[io.Int.Output()])

    @classmethod
    def fingerprint_inputs(cls, value):
        return Counted.number

    @classmethod
    def execute(cls, value):
        calls.append(value)
        return io.NodeOutput(len(calls))


class Even(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="v3.Even", inputs=[io.Int.Input("value", max=4)], outputs=[io.Int.Output()])

    @classmethod
    async def validate_inputs(cls, value):
        return value % 2 == 0 or f"{value} is odd"

    @classmethod
    def execute(cls, value):
        return (value,)


class Twice(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="v3.Twice",
            inputs=[io.MultiType.Input(io.Int.Input("value", default=3), types=[io.Float])],
            outputs=[io.Int.Output()],
            enable_expand=True,
        )

    @classmethod
    def execute(cls, value):
        graph = GraphBuilder()
        slow = graph.node("v3.Slow", steps=value * 2)
        return io.NodeOutput(slow.out(0), expand=graph.finalize())


class Smuggle(Twice):
    """Expands without saying so."""

    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="v3.Smuggle", inputs=[io.Int.Input("value")], outputs=[io.Int.Output()])


class Gate(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="v3.Gate", inputs=[io.Boolean.Input("open")], outputs=[io.Int.Output()])

    @classmethod
    def execute(cls, open):
        return io.NodeOutput(1) if open else io.NodeOutput(block_execution="the gate is closed")


class Stateful(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="v3.Stateful", inputs=[io.Int.Input("value")], outputs=[io.Int.Output()])

    @classmethod
    def execute(cls, value):
        cls.last = value
        return io.NodeOutput(value)


class Listed(io.ComfyNode):
    """Takes whole lists, and returns one."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="v3.Listed",
            inputs=[io.Int.Input("count"), io.String.Input("prompt")],
            outputs=[io.String.Output(is_output_list=True)],
            hidden=[io.Hidden.prompt],
            is_input_list=True,
        )

    @classmethod
    def execute(cls, count, prompt):
        return io.NodeOutput([f"{prompt[0]} {number} of {len(cls.hidden.prompt)}" for number in range(count[0])])


class Anything(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="v3.Anything", outputs=[io.AnyType.Output()], accept_all_inputs=True)

    @classmethod
    def execute(cls, **inputs):
        return io.NodeOutput(inputs)


class NoExecute(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="v3.NoExecute")


class Same(Slow):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="v3.Same", inputs=[io.Int.Input("a"), io.Float.Input("a")])


class Extension(ComfyExtension):
    async def get_node_list(self):
        return [
            Widgets, Show, Collect, Choose, Grey, Slow, Later, Switch, Counted, Even, Twice, Smuggle, Gate, Stateful,
            Listed, Anything, NoExecute, Same,
        ]


async def comfy_entrypoint():
    return Extension()
'''
