"""Views of models: the card of a model, and its state over all workers' reports."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from atelier_diffusion.policy.model_card import NO_FACTS, FileFacts, ModelCard


@dataclass(frozen=True, slots=True)
class EngineVersion:
    """What draws a model: equal versions draw equal pixels.

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


# The best of all workers: one that is ready serves all callers. FAILED shows unless another worker does better.
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
    """A model of the catalogue over all living workers. `memory_bytes` is what it holds on one of them."""

    card: ModelCard
    state: ModelState
    revision: str
    memory_bytes: int = 0
    reason: str = ""
    message: str = ""


def view(card: ModelCard, reports: Iterable[ModelReport]) -> ModelView:
    """The best state over the living workers, of equals the newest; UNLOADED when there are none."""
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
    """What the model's files say: by the newest report of a living worker that knows it, else by that of a dead one."""
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
