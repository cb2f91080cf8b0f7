"""The job handler of drawing workers, and the port to the generator of each kind."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from atelier_artifacts.domain.stored_files import Producer, StoredFile
from atelier_diffusion.policy.errors import EngineError
from atelier_diffusion.policy.prompt_tokens import PromptTokens
from atelier_diffusion.policy.request import DrawingRequest
from atelier_drawing.domain.parameters import DrawingParameters
from atelier_drawing.domain.result import Result, cache_key
from atelier_jobs.domain.job import Job
from atelier_jobs.domain.outcome import Outcome
from atelier_jobs.worker.attempt import Attempt, InfrastructureFault, JobFault
from atelier_models.domain.model_view import EngineVersion

# Reasons after which a retry may succeed: the hub is reachable, the files are complete, memory is free.
_RETRYABLE = frozenset(
    {"MODEL_DOWNLOAD_FAILED", "MODEL_FILES_CHANGING", "MODEL_MEMORY_BUSY", "OUT_OF_MEMORY", "ENGINE_LOST"}
)


@dataclass(frozen=True, slots=True)
class Output:
    """The stored output of a generator.

    Attributes:
        parameters: Parameters of the job.
        model_revision: Revision of the weights.
        files: The stored files, in the order of the result.
        tokens: Token counts of the prompts; None where they are unknown.
    """

    parameters: DrawingParameters[DrawingRequest]
    model_revision: str
    files: tuple[StoredFile, ...]
    tokens: PromptTokens | None = None


class Generator(Protocol):
    """Generates the files of a job and stores them; each kind has its own."""

    async def generate(self, job: Job, attempt: Attempt) -> Output:
        """Generates and stores. Calls run concurrently: while one stores, the device is free for the next.

        Raises:
            EngineError: The engine failed.
            JobFault: The attempt failed because of the job.
            InfrastructureFault: Something that the job needs is unavailable.
            Stopped: A stop was requested.
        """
        ...


class DrawingHandler:
    """A `Handler`: runs the generator, and returns the result with its key in the content cache."""

    def __init__(
        self,
        generator: Generator,
        fingerprint_of: Callable[[str], str],
        *,
        changed: Callable[[], None],
    ) -> None:
        """Creates the handler.

        Args:
            generator: Generates and stores the files.
            fingerprint_of: Returns the fingerprint of the engine for a model's id; see `EngineVersion`.
            changed: Called when a job starts or ends.
        """
        self._generator = generator
        self._fingerprint_of = fingerprint_of
        self._changed = changed
        self._running: dict[str, int] = {}

    @property
    def oldest(self) -> tuple[str, int] | None:
        """The id and the epoch of the running job that started first; None when none runs."""
        return next(iter(self._running.items()), None)

    async def run(self, job: Job, attempt: Attempt) -> Outcome:
        """See Handler.run."""
        self._running[job.id] = attempt.epoch
        self._changed()
        try:
            output = await self._generator.generate(job, attempt)
        except EngineError as error:
            if error.reason == "ENGINE_RESTARTED":
                raise InfrastructureFault("the engine process ended during another job") from error
            raise JobFault(error.reason, error.message, retryable=error.reason in _RETRYABLE) from error
        finally:
            self._running.pop(job.id, None)
            self._changed()
        source = Producer(job.id, attempt.epoch)
        result = Result(model_revision=output.model_revision, source=source, outputs=output.files, tokens=output.tokens)
        engine = EngineVersion(output.model_revision, self._fingerprint_of(output.parameters.model))
        return Outcome(result.to_bytes(), cache_key(output.parameters, engine))
