"""`comfy.cli_args`: options of this process."""

from enum import Enum

from atelier_nodes.packs.host_options import OPTIONS as args

__all__ = ["LatentPreviewMethod", "PerformanceFeature", "args"]


class LatentPreviewMethod(Enum):
    """How previews of latents are made."""

    NoPreviews = "none"
    Auto = "auto"
    Latent2RGB = "latent2rgb"
    TAESD = "taesd"

    @classmethod
    def from_string(cls, value: str) -> "LatentPreviewMethod | None":
        """Returns the method of a name, or None for an unknown one."""
        return next((method for method in cls if method.value == value), None)


class PerformanceFeature(Enum):
    """Options that trade exactness for speed; none is on here."""

    Fp16Accumulation = "fp16_accumulation"
    Fp8MatrixMultiplication = "fp8_matrix_mult"
    CublasOps = "cublas_ops"
    AutoTune = "autotune"
