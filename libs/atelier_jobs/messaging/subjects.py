"""Subjects and event types on the bus."""

EVERYBODY = "_all"

EVENTS_STREAM = "EVENTS"

EPHEMERAL = "ephemeral"

PROGRESS = "generation.progress"
SNAPSHOT = "generation.snapshot"
ERROR = "error.notification"
HEARTBEAT = "heartbeat"


def token(text: str) -> str:
    """Encodes `text` as one token of a subject: dots, wildcards, white space and percent signs are percent-encoded."""
    return "".join(f"%{ord(c):02X}" if c in "%.*> \t\r\n" else c for c in text) or "_"


def untoken(text: str) -> str:
    """Decodes what `token` encoded."""
    parts = text.split("%")
    return parts[0] + "".join(chr(int(part[:2], 16)) + part[2:] for part in parts[1:])


def work(kind: str) -> str:
    """Subject of wake-ups: a job of this kind may be claimable. Core NATS, lossy; the payload is empty."""
    return f"jobs.{token(kind)}"


def event(owner: str, event_type: str, about: str) -> str:
    """Subject of a durable event of an owner (`_all` for all), about a job or a model (empty: neither)."""
    return f"events.{_owner(owner)}.{event_type.replace('.', '_')}.{token(about)}"


def events_of(owner: str) -> str:
    """Subjects of every durable event of one owner."""
    return f"events.{_owner(owner)}.>"


def ephemeral(owner: str, job_id: str) -> str:
    """Subject of progress and previews of one job: core NATS, lossy."""
    return f"{EPHEMERAL}.{_owner(owner)}.{token(job_id)}"


def cancel_hint(kind: str, job_id: str) -> str:
    """Subject of the signal to the worker of a job that its owner has changed it."""
    return f"cancel.{token(kind)}.{token(job_id)}"


def cancel_hints(kind: str) -> str:
    """Subjects of these signals for a kind of jobs."""
    return f"cancel.{token(kind)}.*"


def model_commands(kind: str) -> str:
    """Subject of commands to the workers of a kind: load or unload a model."""
    return f"models.{token(kind)}"


def worker_heartbeat(worker_id: str) -> str:
    """Subject of the condition of one worker."""
    return f"system.worker.{token(worker_id)}"


def queue_status(kind: str) -> str:
    """Subject of the length of a queue."""
    return f"system.queue.{token(kind)}"


def _owner(owner: str) -> str:
    return EVERYBODY if owner == EVERYBODY else token(owner)
