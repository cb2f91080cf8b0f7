"""What this service makes."""

from atelier_jobs.domain.owner_jobs import Kind

IMAGE = Kind(name="image", not_found_reason="IMAGE_NOT_FOUND", not_ready_reason="IMAGE_NOT_READY")
