"""What this service makes."""

from atelier_jobs.domain.owner_jobs import Kind

VIDEO = Kind(name="video", not_found_reason="VIDEO_NOT_FOUND", not_ready_reason="VIDEO_NOT_READY")
