"""A process beside this one that is asked one thing after the other, as JSON lines."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from atelier_mesh.supervisor import die_with_parent


class Companion:
    """Asks a process that runs `answer_questions`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    @classmethod
    @contextmanager
    def running(
        cls, module: str, *, environment: Mapping[str, str] | None = None, **options: Any
    ) -> Iterator["Companion"]:
        """Runs `module` with `options` (JSON) as its argument; it is terminated with the end of the context.

        Its environment is that of this process unless another one is given.
        """
        with cls.started([sys.executable, "-m", module, json.dumps(options)], env=environment) as companion:
            yield companion

    @classmethod
    @contextmanager
    def started(cls, command: list[str], **options: Any) -> Iterator["Companion"]:
        """Runs `command`; `options` are those of Popen."""
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
            **options,
        ) as process:
            try:
                yield cls(process)
            finally:
                process.terminate()

    def ask(self, **question: Any) -> Any:
        """Its answer. Raises RuntimeError when it died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended with status {self._process.wait()}")
        return json.loads(line)


def answer_questions(answer: Callable[[Mapping[str, Any]], Any]) -> None:
    """The other side: answers until nobody asks any more."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()
