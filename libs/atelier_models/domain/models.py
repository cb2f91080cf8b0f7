"""Models: the catalogue, the states of its models on the workers, and commands to load and unload them."""

from collections.abc import Sequence
from typing import Protocol

from atelier_diffusion.catalogue.catalogue import Catalogue
from atelier_diffusion.policy.errors import EngineError
from atelier_models.domain.model_view import ModelReport, ModelView, view
from atelier_service.errors import NotFoundError, PermissionDeniedError, UnavailableError


class ModelReports(Protocol):
    """The workers' reports about their models. Methods raise UnavailableError while the database is unavailable."""

    async def all(self) -> Sequence[ModelReport]:
        """Returns the latest report of each worker about each model, also of workers that are not alive."""
        ...

    async def workers_alive(self) -> bool:
        """Returns whether any worker is alive: has sent a heartbeat lately."""
        ...


class WorkerReports(Protocol):
    """Stores what workers report. Methods raise UnavailableError while it cannot be stored."""

    async def store(self, worker_id: str, reports: Sequence[ModelReport] = ()) -> None:
        """Stores a heartbeat and reports.

        Args:
            worker_id: Id of the worker.
            reports: Its models whose state has changed; empty for the heartbeat alone.
        """
        ...

    async def sign_off(self, worker_id: str) -> None:
        """Stores that the worker has ended: it is not alive from now on."""
        ...


class ModelCommands(Protocol):
    """Commands to the workers about models."""

    async def send(self, model_id: str, *, load: bool) -> None:
        """Sends the command to every worker. Raises UnavailableError while the broker is unavailable."""
        ...


class Models:
    """The catalogue with the states of its models on the workers."""

    def __init__(self, catalogue: Catalogue, reports: ModelReports, commands: ModelCommands) -> None:
        self._catalogue = catalogue
        self._reports = reports
        self._commands = commands

    async def all(self) -> Sequence[ModelView]:
        """Returns all models, the default first, then by id."""
        reports = await self._reports.all()
        return [view(card, reports) for card in self._catalogue.cards]

    async def get(self, model_id: str) -> ModelView:
        """Returns one model. Raises NotFoundError."""
        try:
            card = self._catalogue.get(model_id)
        except EngineError as error:
            text = "there is no such model"
            raise NotFoundError("MODEL_NOT_FOUND", text, metadata={"model_id": model_id}) from error
        return view(card, await self._reports.all())

    async def command(self, model_id: str, *, load: bool, is_admin: bool) -> ModelView:
        """Commands the workers to load the model, or to unload it.

        Returns:
            The model as it is when the command is sent.

        Raises:
            PermissionDeniedError: The caller is no administrator.
            NotFoundError: The catalogue has no such model.
            UnavailableError: No worker is alive, or the broker is unavailable.
        """
        if not is_admin:
            raise PermissionDeniedError("ADMIN_ONLY", "only administrators load and unload models")
        model = await self.get(model_id)
        if not await self._reports.workers_alive():
            raise UnavailableError("NO_WORKER", "no worker that draws with it is alive", retry_after_s=5.0)
        await self._commands.send(model.card.id, load=load)
        return model
