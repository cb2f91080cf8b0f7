"""Progress of a job, whatever it makes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress of one attempt: a job passes through stages, each of which counts units of its own.

    Only `fraction` compares progress across stages, so a kind computes it such that it never decreases from one report
    to the next, also where a stage ends.

    Attributes:
        stage: Name of the stage, which the kind defines (`denoising`); empty before the first stage.
        done: Units of this stage that are done, 0 to `total`.
        total: Units of this stage in all; 0 while unknown.
        unit: What is counted, in the singular (`step`).
        fraction: Share of the whole job's work that is done, 0 to 1.
        detail: The progress in the kind's own message: an encoded `google.protobuf.Any`, which the plane never reads;
            may be empty.
    """

    stage: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    fraction: float = 0.0
    detail: bytes = b""

    def is_behind(self, other: "Progress") -> bool:
        """True when this is less than `other`: a smaller fraction, or fewer units of the same stage."""
        return self.fraction < other.fraction or (self.stage == other.stage and self.done < other.done)


NOT_BEGUN = Progress()
FINISHED = Progress(fraction=1.0)
