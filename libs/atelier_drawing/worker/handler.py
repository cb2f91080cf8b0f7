"""What a worker does with one job, whatever it makes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from atelier_artifacts.domain.stored_files import Source, StoredFile
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.prompt_tokens import PromptTokens
from atelier_diffusion.policy.request import DrawingRequest
from atelier_drawing.domain.cache_key import cache_key
from atelier_drawing.domain.parameters import DrawingParameters
from atelier_drawing.domain.result import Result
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.outcome import Outcome
from atelier_jobs.worker.attempt import Attempt, InfrastructureFault, JobFault
from atelier_models.domain.model_view import Engine

# At another time these may go well: the hub is back, the files are all there, other work has ended, the memory is free.
_PASSING = frozenset(
    {"MODEL_DOWNLOAD_FAILED", "MODEL_FILES_CHANGING", "MODEL_MEMORY_BUSY", "OUT_OF_MEMORY", "ENGINE_LOST"}
)


@dataclass(frozen=True, slots=True)
class Made:
    """What was made of `parameters`, stored."""

    parameters: DrawingParameters[DrawingRequest]
    model_revision: str
    outputs: tuple[StoredFile, ...]
    tokens: PromptTokens | None = None


class Maker(Protocol):
    """Draws and stores: what a kind of jobs is about."""

    async def make(self, job: Job, attempt: Attempt) -> Made:
        """Several run at once; while one stores, the device is free for the next.

        Raises EngineError, JobFault, InfrastructureFault and Stopped.
        """
        ...


class MakingHandler:
    """A Handler: makes, and says which requests the result answers."""

    def __init__(
        self,
        maker: Maker,
        fingerprint_of: Callable[[str], str],
        *,
        changed: Callable[[], None],
    ) -> None:
        """`fingerprint_of` tells for a model's id what draws it here (see `Engine`); `changed` is called when the jobs
        in hand do."""
        self._maker = maker
        self._fingerprint_of = fingerprint_of
        self._changed = changed
        self._in_hand: dict[str, str] = {}

    @property
    def oldest(self) -> tuple[str, str]:
        """Of the jobs in hand the one that came first: its id and whose it is. Both empty when there is none."""
        return next(iter(self._in_hand.items()), ("", ""))

    async def run(self, job: Job, attempt: Attempt) -> Outcome:
        """See Handler.run."""
        self._in_hand[job.id] = job.owner
        self._changed()
        try:
            made = await self._maker.make(job, attempt)
        except EngineError as error:
            if error.reason == "ENGINE_RESTARTED":
                raise InfrastructureFault("the engine process ended during another job") from error
            raise JobFault(error.reason, error.message, retryable=error.reason in _PASSING) from error
        finally:
            self._in_hand.pop(job.id, None)
            self._changed()
        source = Source(job.id, attempt.epoch)
        result = Result(model_revision=made.model_revision, source=source, outputs=made.outputs, tokens=made.tokens)
        engine = Engine(made.model_revision, self._fingerprint_of(made.parameters.model))
        return Outcome(result.to_bytes(), cache_key(made.parameters, engine))
