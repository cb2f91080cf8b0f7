"""How far a job has come, whatever it makes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress of one attempt: a job passes through stages, each of which counts units of its own.

    Only `fraction` compares progress across stages, so a kind computes it such that it never decreases from one report
    to the next, also where a stage ends.

    Attributes:
        stage: What the job is doing, by its kind's own name for it (`denoising`); empty before the first stage.
        done: Units of this stage that are done, 0 to `total`.
        total: Units of this stage in all; 0 while unknown.
        unit: What is counted, in the singular (`step`).
        fraction: How much of all the work of the job is done, 0 to 1.
        detail: The same in terms of the kind: an encoded `google.protobuf.Any`, which the plane never reads; may be
            empty.
    """

    stage: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    fraction: float = 0.0
    detail: bytes = b""

    def is_behind(self, other: "Progress") -> bool:
        """True when a report of this after `other` would go back: a smaller fraction, or fewer units of its stage."""
        return self.fraction < other.fraction or (self.stage == other.stage and self.done < other.done)


NOT_BEGUN = Progress()
FINISHED = Progress(fraction=1.0)
