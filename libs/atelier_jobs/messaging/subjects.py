"""Names on the bus."""

EVERYBODY = "_all"

EVENTS_STREAM = "EVENTS"

EPHEMERAL = "ephemeral"

PROGRESS = "generation.progress"
SNAPSHOT = "generation.snapshot"
ERROR = "error.notification"
HEARTBEAT = "heartbeat"


def token(text: str) -> str:
    """`text` as one token of a subject: dots, wildcards, white space and percent signs are percent-encoded."""
    return "".join(f"%{ord(c):02X}" if c in "%.*> \t\r\n" else c for c in text) or "_"


def untoken(text: str) -> str:
    """The text that `token` encoded."""
    parts = text.split("%")
    return parts[0] + "".join(chr(int(part[:2], 16)) + part[2:] for part in parts[1:])


def work(kind: str) -> str:
    """Wake-ups: a job of this kind may be claimable. Core NATS, lossy; the payload is empty."""
    return f"jobs.{token(kind)}"


def event(owner: str, event_type: str, about: str) -> str:
    """A durable event of an owner (`_all` for everybody) about a job, a model, or nothing in particular."""
    return f"events.{_owner(owner)}.{event_type.replace('.', '_')}.{token(about)}"


def events_of_job(owner: str, job_id: str) -> str:
    """Every durable event of one job."""
    return f"events.{_owner(owner)}.*.{token(job_id)}"


def events_of(owner: str) -> str:
    """Every durable event of one owner."""
    return f"events.{_owner(owner)}.>"


def ephemeral(owner: str, job_id: str) -> str:
    """Progress and previews of one job: core NATS, lossy."""
    return f"{EPHEMERAL}.{_owner(owner)}.{token(job_id)}"


def cancel_hint(kind: str, job_id: str) -> str:
    """Tells whichever worker runs the job to look up."""
    return f"cancel.{token(kind)}.{token(job_id)}"


def cancel_hints(kind: str) -> str:
    """All hints for a kind of jobs."""
    return f"cancel.{token(kind)}.*"


def model_commands(kind: str) -> str:
    """Commands to the workers of a kind: load or unload a model."""
    return f"models.{token(kind)}"


def worker_heartbeat(worker_id: str) -> str:
    """What one worker says of itself."""
    return f"system.worker.{token(worker_id)}"


def queue_status(kind: str) -> str:
    """How long a queue is."""
    return f"system.queue.{token(kind)}"


def _owner(owner: str) -> str:
    return EVERYBODY if owner == EVERYBODY else token(owner)
