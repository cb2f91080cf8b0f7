"""Progress of an image: its denoising steps."""

from atelier.image.v1 import image_pb2
from atelier_jobs.domain.progress import Progress
from atelier_jobs.wire.progress_messages import pack_detail


def denoising(step: int, steps: int) -> Progress:
    """`step` of `steps` are done, those of all pictures together; there may be none to do."""
    fraction = step / steps if steps else 0.0
    detail = image_pb2.ImageProgress(step=step, steps=steps, fraction=fraction)
    return Progress(
        stage="denoising", done=step, total=steps, unit="step", fraction=fraction, detail=pack_detail(detail)
    )
