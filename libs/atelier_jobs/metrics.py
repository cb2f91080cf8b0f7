"""Prometheus metrics of the job plane; a process that imports this module exports them."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600, 1800)

SUBMITTED = Counter("atelier_jobs_submitted", "Jobs that were recorded.", ["kind"])
QUEUED = Gauge("atelier_jobs_queued", "Jobs that wait for a worker, at the last count.", ["kind"])
RUNNING = Gauge("atelier_jobs_running", "Jobs that a worker holds, at the last count.", ["kind"])
OLDEST_WAIT = Gauge("atelier_jobs_oldest_wait_seconds", "How long the oldest waiting job has waited.", ["kind"])
WAIT = Histogram("atelier_jobs_wait_seconds", "From the queue to the claim.", ["kind"], buckets=_SECONDS)
RUN = Histogram("atelier_jobs_run_seconds", "From the claim to the end of the attempt.", ["kind"], buckets=_SECONDS)
ENDED = Counter("atelier_jobs_ended", "Attempts that ended a job, by the state that it came to.", ["kind", "state"])
FAILED = Counter("atelier_jobs_failures", "Jobs that failed for good, by reason.", ["kind", "reason"])
RETRIED = Counter("atelier_jobs_retries", "Jobs that went back to the queue.", ["kind"])
FENCED = Counter("atelier_jobs_fenced", "Writes of a worker that had lost its job.", ["kind"])
PUBLISHED = Counter("atelier_jobs_published", "Outbox rows that went out.", ["topic"])
PUBLISH_FAILED = Counter("atelier_jobs_publish_failures", "Outbox rows that the broker did not take.", ["topic"])
