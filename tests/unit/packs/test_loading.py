"""Packs are loaded as far as they can be, and each one's outcome is reported."""

import importlib
import sys
from pathlib import Path

from atelier_nodes.packs import registry
from atelier_nodes.packs.loading import LoadedPacks, load_packs
from tests.unit.packs.pack_folder import PackFolder, node, pack


async def loaded(packs: PackFolder) -> LoadedPacks:
    return await load_packs([packs.path])


async def test_a_single_file_is_a_pack(packs: PackFolder) -> None:
    packs.write("one.py", pack("One"))
    result = await loaded(packs)
    assert list(result.classes) == ["One"]
    assert [(report.name, report.nodes, report.error) for report in result.reports] == [("one", ("One",), "")]


async def test_a_folder_with_a_hyphen_and_relative_imports_is_a_pack(packs: PackFolder) -> None:
    packs.write("a-pack.v2/inner/numbers.py", "from ..names import NAME\n" + node("Inner"))
    packs.write("a-pack.v2/names.py", "NAME = 'inner'\n")
    packs.write("a-pack.v2/inner/__init__.py")
    packs.write(
        "a-pack.v2/__init__.py",
        "from .inner.numbers import NAME, Inner\nNODE_CLASS_MAPPINGS = {NAME: Inner}\n"
        "NODE_DISPLAY_NAME_MAPPINGS = {NAME: 'An inner one'}\n",
    )
    result = await loaded(packs)
    assert result.display_names == {"inner": "An inner one"}
    assert getattr(result.classes["inner"], "RELATIVE_PYTHON_MODULE", None) == "custom_nodes.a-pack.v2"
    assert result.classes["inner"].__module__ == f"{packs.path}/a-pack_x_v2.inner.numbers".replace(".", "_x_", 0)


async def test_what_is_disabled_hidden_or_no_python_is_passed_over(packs: PackFolder) -> None:
    packs.write("old.disabled/__init__.py", pack("Old"))
    packs.write("off.py.disabled", pack("Off"))
    packs.write(".hidden/__init__.py", pack("Hidden"))
    packs.write("__pycache__/x.py", pack("Cached"))
    packs.write("example_node.py.example", pack("Example"))
    packs.write("README.md", "# Packs")
    assert (await loaded(packs)).reports == []


async def test_all_prestartup_scripts_run_before_any_pack_is_imported(packs: PackFolder) -> None:
    packs.write("a/__init__.py", "import os\nSEEN = list(os.prestartup_order)\n" + pack("A"))
    packs.write("a/prestartup_script.py", "import os\nos.prestartup_order = ['a']\n")
    packs.write("b/__init__.py", pack("B"))
    packs.write("b/prestartup_script.py", "import os\nos.prestartup_order.append('b')\n")
    await loaded(packs)
    assert sys.modules[f"{packs.path}/a"].SEEN == ["a", "b"]


async def test_a_prestartup_script_that_fails_is_a_note_and_the_pack_loads(packs: PackFolder) -> None:
    packs.write("a/__init__.py", pack("A"))
    packs.write("a/prestartup_script.py", "raise ValueError('no display')\n")
    (report,) = (await loaded(packs)).reports
    assert report.nodes == ("A",)
    assert report.notes == ("prestartup_script.py failed: ValueError: no display (a/prestartup_script.py:1)",)


async def test_a_pack_that_fails_affects_itself_alone_and_its_report_has_the_place(packs: PackFolder) -> None:
    packs.write("broken/__init__.py", "from .parts import x\n")
    packs.write("broken/parts.py", "import os\n\nimport a_module_that_nobody_has\n")
    packs.write("misspelt.py", "from folder_paths import get_everything\n")
    packs.write("quits.py", "import sys\nsys.exit('not on this machine')\n")
    packs.write("wrong.py", "def x(:\n")
    packs.write("empty.py")
    packs.write("no_init/readme.txt")
    packs.write("works.py", pack("Works"))
    result = await loaded(packs)
    errors = {report.name: report.error for report in result.reports}
    assert list(result.classes) == ["Works"]
    assert errors == {
        "broken": "module 'a_module_that_nobody_has' is not installed (broken/parts.py:3)",
        "empty": "it has neither NODE_CLASS_MAPPINGS nor comfy_entrypoint",
        "misspelt": errors["misspelt"],
        "no_init": "__init__.py is missing",
        "quits": "it called sys.exit('not on this machine') (quits.py:2)",
        "works": "",
        "wrong": "SyntaxError: invalid syntax (wrong.py:1)",
    }
    assert errors["misspelt"].startswith("ImportError: cannot import name 'get_everything' from 'folder_paths'")


async def test_a_class_that_cannot_be_declared_does_not_take_its_pack_along(packs: PackFolder) -> None:
    packs.write(
        "mixed.py",
        node("Good")
        + """
class NoFunction:
    RETURN_TYPES = ()
    @classmethod
    def INPUT_TYPES(cls):
        return {}

class Fails(Good):
    @classmethod
    def INPUT_TYPES(cls):
        raise OSError("no such folder")

NODE_CLASS_MAPPINGS = {"Good": Good, "NoFunction": NoFunction, "Fails": Fails, "Text": "Good"}
""",
    )
    (report,) = (await loaded(packs)).reports
    assert report.nodes == ("Good",)
    assert report.error == ""
    assert report.notes == (
        "NoFunction: FUNCTION is not the name of a method",
        "Fails: INPUT_TYPES raised OSError: no such folder",
        "Text: it is a str, not a class",
    )


async def test_a_node_that_ships_is_not_replaced(packs: PackFolder) -> None:
    class Shipped:
        pass

    registry.add_builtin({"Shipped": Shipped}, {})
    packs.write("same.py", pack("Shipped", "Mine"))
    (report,) = (await loaded(packs)).reports
    assert report.nodes == ("Mine",)
    assert registry.NODE_CLASSES["Shipped"] is Shipped


async def test_of_two_nodes_of_one_name_the_later_is_used_and_said_to_replace_the_other(packs: PackFolder) -> None:
    packs.write("a.py", pack("Same"))
    packs.write("b.py", pack("Same"))
    result = await loaded(packs)
    assert result.classes["Same"].__module__ == f"{packs.path}/b"
    assert result.reports[1].notes == ("Same: it replaces the node of this name of custom_nodes.a",)


async def test_a_node_that_ships_may_get_one_more_name(packs: PackFolder) -> None:
    packs.write("alias.py", "from nodes import ImageInvert\nNODE_CLASS_MAPPINGS = {'Negative': ImageInvert}\n")
    (report,) = (await loaded(packs)).reports
    assert report.nodes == ("Negative",)
    assert not hasattr(registry.NODE_CLASSES["Negative"], "RELATIVE_PYTHON_MODULE")


async def test_packs_see_the_nodes_of_earlier_packs(packs: PackFolder) -> None:
    packs.write("a.py", pack("A"))
    packs.write("b.py", "import nodes\nFOUND = 'A' in nodes.NODE_CLASS_MAPPINGS\n" + pack("B"))
    await loaded(packs)
    assert sys.modules[f"{packs.path}/b"].FOUND is True


async def test_web_directories_are_named_after_the_pack_or_its_project(packs: PackFolder) -> None:
    packs.write("plain/__init__.py", "WEB_DIRECTORY = './js'\n" + pack("Plain"))
    packs.write("plain/js/plain.js")
    packs.write("projected/__init__.py", pack("Projected"))
    packs.write("projected/pyproject.toml", '[project]\nname = "the-project"\n[tool.comfy]\nweb = "web"\n')
    packs.write("projected/web/x.js")
    packs.write("only_web/__init__.py", "WEB_DIRECTORY = 'web'\n")
    packs.write("only_web/web/x.js")
    result = await loaded(packs)
    assert result.web_dirs == {
        "only_web": packs.path / "only_web/web",
        "plain": packs.path / "plain/js",
        "the-project": packs.path / "projected/web",
    }
    assert [report.error for report in result.reports] == ["", "", ""]


async def test_an_entry_point_gives_nodes_by_their_schemas(packs: PackFolder) -> None:
    packs.write(
        "v3.py",
        node("Inner")
        + """
from types import SimpleNamespace

class Extension:
    async def on_load(self):
        self.loaded = True

    async def get_node_list(self):
        Inner.GET_SCHEMA = classmethod(lambda cls: SimpleNamespace(node_id="test.Inner", display_name="Inner one"))
        return [Inner] if self.loaded else []

async def comfy_entrypoint():
    return Extension()
""",
    )
    result = await loaded(packs)
    assert list(result.classes) == ["test.Inner"]
    assert result.display_names == {"test.Inner": "Inner one"}


async def test_an_extra_paths_file_names_more_packs_and_models(tmp_path: Path, packs: PackFolder) -> None:
    packs.write("one.py", pack("One"))
    more = PackFolder(tmp_path / "elsewhere")
    more.write("nodes-a/two.py", pack("Two"))
    more.write("nodes-b/three.py", pack("Three"))
    more.write("weights/x.safetensors")
    file = more.write(
        "deep/paths.yaml",
        """
        mine:
            base_path: ..
            custom_nodes: |
                nodes-a
                nodes-b
            loras: weights
        """,
    )
    result = await load_packs([packs.path], extra_paths=[file])
    assert list(result.classes) == ["One", "Two", "Three"]
    folder_paths = importlib.import_module("folder_paths")
    assert folder_paths.get_filename_list("loras") == ["x.safetensors"]


async def test_a_pack_that_ended_a_process_is_not_imported_and_its_report_has_the_reason(packs: PackFolder) -> None:
    fatal = packs.write("fatal.py", "import os\nos._exit(7)\n")
    packs.write("works.py", pack("Works"))
    result = await load_packs([packs.path], skipped={fatal: "it ended the host"})
    assert [(report.name, report.error) for report in result.reports] == [("fatal", "it ended the host"), ("works", "")]


async def test_each_pack_is_announced_before_its_code_runs(packs: PackFolder) -> None:
    announced: list[str] = []
    packs.write("a/prestartup_script.py")
    packs.write("a/__init__.py", pack("A"))
    packs.write("b.py", pack("B"))
    await load_packs([packs.path], on_import=lambda path: announced.append(path.name))
    assert announced == ["a", "a", "b.py"]


async def test_a_file_can_be_named_instead_of_a_folder(packs: PackFolder) -> None:
    packs.write("other.py", pack("Other"))
    one = packs.write("one.py", pack("One"))
    assert list((await load_packs([one])).classes) == ["One"]


async def test_a_pack_with_modules_of_the_same_names_does_not_replace_those_for_others(packs: PackFolder) -> None:
    packs.write(
        "a/__init__.py", "import os, sys\nsys.path.insert(0, os.path.dirname(__file__))\nimport nodes\n" + pack("A")
    )
    packs.write("a/nodes.py", "MAX_RESOLUTION = 1\n")
    packs.write("b.py", "from nodes import MAX_RESOLUTION\n" + pack("B"))
    await loaded(packs)
    assert sys.modules[f"{packs.path}/b"].MAX_RESOLUTION == 16384


async def test_whatever_a_pack_raises_costs_itself_alone(packs: PackFolder) -> None:
    packs.write("a.py", "raise KeyboardInterrupt('a')\n")
    packs.write("b.py", "raise BaseException('b')\n")
    packs.write("c.py", pack("C"))
    result = await loaded(packs)
    assert list(result.classes) == ["C"]
    assert [report.error for report in result.reports] == [
        "KeyboardInterrupt: a (a.py:1)",
        "BaseException: b (b.py:1)",
        "",
    ]


async def test_a_class_whose_inputs_raise_a_base_exception_does_not_take_its_pack_along(packs: PackFolder) -> None:
    packs.write(
        "a.py",
        node("Good")
        + "class Bad(Good):\n    @classmethod\n    def INPUT_TYPES(cls):\n        raise SystemExit('no inputs')\n"
        + "NODE_CLASS_MAPPINGS = {'Good': Good, 'Bad': Bad}\n",
    )
    result = await loaded(packs)
    assert list(result.classes) == ["Good"]
    assert result.reports[0].notes == ("Bad: INPUT_TYPES raised SystemExit: no inputs",)
