"""A pack of nodes that mean harm, or take their time: what hosts must survive."""

import asyncio
import ctypes
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from atelier_graph.context import current_node
from atelier_nodes.mesh import ImageCall, current_mesh
from atelier_nodes.packs.folders import node_folders


class _Trouble:
    """An output node with one text as its input."""

    RETURN_TYPES = ("STRING",)
    FUNCTION = "run"
    CATEGORY = "trouble"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"text": ("STRING", {"default": ""})}, "optional": {"after": ("*",)}}

    @classmethod
    def IS_CHANGED(cls, **_: object) -> float:
        return float("nan")


class Say(_Trouble):
    """Returns its text."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        return {"ui": {"text": [text]}, "result": (text,)}


class Where(_Trouble):
    """Tells which process runs it."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        namespace = os.readlink("/proc/self/ns/pid")
        return {"ui": {"text": [f"{namespace} {os.getpid()}"]}, "result": (text,)}


class Sleep(_Trouble):
    """Sleeps for as many seconds as its text says."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        time.sleep(float(text))
        return {"ui": {"text": ["slept"]}, "result": (text,)}


class Exit(_Trouble):
    """Ends its process at once."""

    def run(self, text: str, after: object = None) -> None:
        os._exit(int(text or 3))


class Crash(_Trouble):
    """Reads from address 0."""

    def run(self, text: str, after: object = None) -> None:
        ctypes.string_at(0)


class LeaveQuietly(_Trouble):
    """Raises SystemExit."""

    def run(self, text: str, after: object = None) -> None:
        sys.exit(text)


class Fork(_Trouble):
    """Forks a process that lives on: in a session of its own when its text says so."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        child = os.fork()
        if child == 0:
            if text == "session":
                os.setsid()
                if os.fork():
                    os._exit(0)
            time.sleep(600)
            os._exit(0)
        return {"ui": {"text": [str(child)]}, "result": (text,)}


class ForkAndReturn(_Trouble):
    """Forks, and returns in both processes."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        os.fork()
        return {"ui": {"text": ["forked"]}, "result": (text,)}


class ForkBomb(_Trouble):
    """Forks until it may not any more."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        count = 0
        try:
            while count < 5000:
                if os.fork() == 0:
                    time.sleep(600)
                    os._exit(0)
                count += 1
        except OSError:
            return {"ui": {"text": [str(count)]}, "result": (text,)}
        raise AssertionError("there is no limit")


class FillMemory(_Trouble):
    """Takes memory without end; in small pieces, or all at once when its text says so."""

    def run(self, text: str, after: object = None) -> None:
        taken = [bytearray(64 * 2**30)] if text == "at once" else []
        while True:
            taken.append(bytearray(b"x" * 2**20))


class MapMemory(_Trouble):
    """Takes memory that no limit of data segments counts: a shared mapping."""

    def run(self, text: str, after: object = None) -> None:
        import mmap

        taken = []
        while True:
            taken.append(mmap.mmap(-1, 16 * 2**20, flags=mmap.MAP_SHARED))
            taken[-1].write(b"x" * 16 * 2**20)
            time.sleep(0.01)


class Write(_Trouble):
    """Writes to the path that its text says, or into its output folder."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        path = Path(text) if text.startswith("/") else node_folders().output / text
        path.write_text("written by a node")
        return {"ui": {"text": [str(path)]}, "result": (text,)}


class LeaveFile(_Trouble):
    """Leaves a temporary file, and tells its folder."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        fd, path = tempfile.mkstemp()
        os.close(fd)
        return {"ui": {"text": [str(Path(path).parent)]}, "result": (text,)}


class Read(_Trouble):
    """Reads the file that its text says."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        return {"ui": {"text": [Path(text).read_text(errors="replace")]}, "result": (text,)}


class Environment(_Trouble):
    """Shows the environment."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        return {"ui": {"text": [f"{name}={value}" for name, value in os.environ.items()]}, "result": (text,)}


class Connect(_Trouble):
    """Connects to a port of this machine."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        with socket.create_connection(("127.0.0.1", int(text)), timeout=5):
            return {"ui": {"text": ["connected"]}, "result": (text,)}


class Kill(_Trouble):
    """Sends SIGKILL to a process, its parent, or everything that it may."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        os.kill(os.getppid() if text == "parent" else int(text), signal.SIGKILL)
        return {"ui": {"text": ["killed"]}, "result": (text,)}


class KillEverybody(_Trouble):
    """Sends SIGKILL to each process that it sees but itself, and tells what came of it."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        told = []
        for pid in [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError as error:
                told.append(type(error).__name__)
            else:
                told.append("killed")
        return {"ui": {"text": told}, "result": (text,)}


class CloseSockets(_Trouble):
    """Closes every file descriptor that it did not open."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        os.closerange(3, 1000)
        return {"ui": {"text": ["closed"]}, "result": (text,)}


class Garbage(_Trouble):
    """Writes garbage into every socket that it finds."""

    def run(self, text: str, after: object = None) -> None:
        for fd in range(3, 200):
            try:
                socket.socket(fileno=os.dup(fd)).sendall(b"\x00\x00\x00\x04\x00\x00\x00\x00null" * 10)
            except OSError:
                continue
        time.sleep(600)


class Flood(_Trouble):
    """Reports progress without end."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        node = current_node()
        assert node is not None
        preview = bytes(100_000)
        for step in range(int(text)):
            node.report(step + 1, int(text), preview=preview)
        return {"ui": {"text": ["done"]}, "result": (text,)}


class Progress(_Trouble):
    """Reports a hundred steps of progress, a tenth of a second each."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        node = current_node()
        assert node is not None
        for step in range(100):
            node.report(step + 1, 100)
            time.sleep(0.1)
        return {"ui": {"text": ["done"]}, "result": (text,)}


class HoldTheLock(_Trouble):
    """Computes in native code that holds the interpreter's lock for a minute."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        ctypes.PyDLL(None).sleep(60)
        return {"ui": {"text": ["done"]}, "result": (text,)}


class NotJson(_Trouble):
    """Returns a ui that is not JSON."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        return {"ui": {"text": [object()]}, "result": (text,)}


class StartThread(_Trouble):
    """Leaves a thread behind."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        return {"ui": {"text": ["started"]}, "result": (text,)}


class Count(_Trouble):
    """Counts its calls in the object."""

    def __init__(self) -> None:
        self.calls = 0

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        self.calls += 1
        return {"ui": {"text": [str(self.calls)]}, "result": (text,)}


class Print(_Trouble):
    """Prints a hundred thousand lines."""

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        for line in range(100_000):
            print(f"line {line} {'x' * 200}")  # noqa: T201 - what it is for
        return {"ui": {"text": ["printed"]}, "result": (text,)}


class Draw(_Trouble):
    """Asks the mesh for a picture and returns its asset."""

    async def run(self, text: str, after: object = None) -> dict[str, Any]:
        node = current_node()
        assert node is not None
        answer = await current_mesh().generate_image(
            ImageCall(node.node_id, {"prompt": text, "steps": 3}),
            lambda progress: node.report(progress.step, progress.steps),
        )
        return {"ui": {"text": list(answer.pictures)}, "result": (answer.pictures[0],)}


class Keep(_Trouble):
    """Stores its text as an asset, and reads it again."""

    async def run(self, text: str, after: object = None) -> dict[str, Any]:
        mesh = current_mesh()
        asset = await mesh.store_asset(text.encode(), "text/plain", "text.txt")
        await asyncio.sleep(0)
        return {"ui": {"text": [asset, (await mesh.read_asset(asset)).decode()]}, "result": (text,)}


class Stubborn(_Trouble):
    """Validates its text by sleeping for as many seconds as it says."""

    @classmethod
    def VALIDATE_INPUTS(cls, text: str) -> bool | str:
        time.sleep(float(text))
        return "slept in vain"

    def run(self, text: str, after: object = None) -> dict[str, Any]:
        return {"ui": {"text": [text]}, "result": (text,)}


_ALL = (
    Say, Where, Sleep, Exit, Crash, LeaveQuietly, Fork, ForkAndReturn, ForkBomb, FillMemory, MapMemory, Write,
    LeaveFile, Read, Environment, Connect, Kill, KillEverybody, CloseSockets, Garbage, Flood, Progress, HoldTheLock,
    NotJson, StartThread, Count, Print, Draw, Keep, Stubborn,
)  # fmt: skip
NODE_CLASS_MAPPINGS = {f"Trouble{node.__name__}": node for node in _ALL}
