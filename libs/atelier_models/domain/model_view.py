"""Views of models: the card of a model, and its state aggregated from all workers' reports."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from atelier_diffusion.policy.model_card import NO_FACTS, FileFacts, ModelCard


@dataclass(frozen=True, slots=True)
class EngineVersion:
    """Version of an engine with a model: equal versions generate equal pixels.

    Attributes:
        model_revision: Revision of the weights; empty while it is unknown.
        fingerprint: Everything else that changes pixels: libraries, device, precision.
    """

    model_revision: str
    fingerprint: str


class ModelState(IntEnum):
    """State of a model; the values are those of `atelier.type.v1.ModelState`."""

    UNLOADED = 1
    LOADING = 2
    READY = 3
    FAILED = 4


# A model has the best state among the workers: one that is ready serves all callers.
_BEST_FIRST = (ModelState.READY, ModelState.LOADING, ModelState.FAILED, ModelState.UNLOADED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    """Report of one worker about one model. `alive` is False when its heartbeats have stopped.

    `event_id` is the id of the event that publishes the change; empty: none is published.
    """

    worker_id: str
    model_id: str
    state: ModelState
    engine: EngineVersion
    memory_bytes: int = 0
    reason: str = ""
    message: str = ""
    facts: FileFacts = NO_FACTS
    update_us: int = 0
    alive: bool = True
    event_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """A model of the catalogue, with its state over all workers that are alive.

    Attributes:
        card: The model's card.
        state: The best state on any worker.
        revision: Revision of the weights.
        memory_bytes: Memory of the weights on one worker.
        reason: Why loading failed, a stable upper-case name; empty: it did not fail.
        message: The same in one sentence.
    """

    card: ModelCard
    state: ModelState
    revision: str
    memory_bytes: int = 0
    reason: str = ""
    message: str = ""


def view(card: ModelCard, reports: Iterable[ModelReport]) -> ModelView:
    """Returns the view: the best state on the workers that are alive, the newest of equals; UNLOADED without any."""
    reports = [report for report in reports if report.model_id == card.id]
    card = card.with_facts(file_facts(card.id, reports))
    living = [report for report in reports if report.alive]
    if not living:
        return ModelView(card=card, state=ModelState.UNLOADED, revision=card.revision)
    best = min(living, key=lambda report: (_BEST_FIRST.index(report.state), -report.update_us))
    return ModelView(
        card=card,
        state=best.state,
        revision=best.engine.model_revision or card.revision,
        memory_bytes=best.memory_bytes,
        reason=best.reason,
        message=best.message,
    )


def file_facts(model_id: str, reports: Iterable[ModelReport]) -> FileFacts:
    """Returns the facts of a model's files, from the newest report that has them; reports of live workers first."""
    known = [report for report in reports if report.model_id == model_id and report.facts != NO_FACTS]
    newest = max(known, key=lambda report: (report.alive, report.update_us), default=None)
    return NO_FACTS if newest is None else newest.facts


def engine_versions(model_id: str, reports: Iterable[ModelReport]) -> tuple[EngineVersion, ...]:
    """Returns the versions that would draw a request for this model now: those of the living workers.

    Empty while no worker lives or none knows the revision, which may be so before the first load. Reports of dead
    workers do not count: the weights may have been replaced since.
    """
    living = [report for report in reports if report.alive and report.model_id == model_id]
    return tuple(dict.fromkeys(report.engine for report in living if report.engine.model_revision))
