"""Events are stored as what changed about a job, not as messages; progress is stage, done, total and unit.

An event of version 0.1.0 is an `atelier.events.v1.Event` of that version. What it says of progress was denoising steps
and frames: the `detail` of the kinds `image` and `video` now.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

revision = "0003"
down_revision = "0002"

_PAGE = 500
_SUCCEEDED = 4
_PROGRESS: tuple[tuple[str, Any, str], ...] = (
    ("progress_stage", sa.String(64), ""),
    ("progress_done", sa.BigInteger(), "0"),
    ("progress_total", sa.BigInteger(), "0"),
    ("progress_unit", sa.String(64), ""),
    ("progress_fraction", sa.Double(), "0"),
    ("progress_detail", sa.LargeBinary(), ""),
)
_EVENT: tuple[tuple[str, Any, Any], ...] = (
    ("kind", sa.String(32), ""),
    ("cached", sa.Boolean(), sa.false()),
    ("traceparent", sa.String(64), ""),
)
_NULLABLE = (("failure_reason", sa.String(64)), ("failure_message", sa.Text()), ("result", sa.LargeBinary()))

_jobs = sa.table(
    "jobs",
    *(sa.column(name) for name in ("id", "kind", "state", "revision", "result", "traceparent", "step", "steps")),
    *(sa.column(name, kind) for name, kind, _ in _PROGRESS),
)
_events = sa.table(
    "job_events",
    *(sa.column(name) for name in ("job_id", "seq", "revision", "epoch", "attempt", "state", "time_us", "payload")),
    *(sa.column(name, kind) for name, kind, _ in (*_PROGRESS, *_EVENT)),
    *(sa.column(name, kind) for name, kind in _NULLABLE),
)
_outbox = sa.table("outbox", *(sa.column(name) for name in ("id", "topic", "subject", "payload", "sent_us")))


def upgrade() -> None:
    with op.batch_alter_table("job_events") as events:
        for name, kind, value in (*_PROGRESS, *_EVENT):
            events.add_column(sa.Column(name, kind, nullable=False, server_default=value))
        for name, nullable_kind in _NULLABLE:
            events.add_column(sa.Column(name, nullable_kind))
    with op.batch_alter_table("jobs") as jobs:
        for name, kind, value in _PROGRESS:
            jobs.add_column(sa.Column(name, kind, nullable=False, server_default=value))
    _convert_outbox()
    _convert_events()
    with op.batch_alter_table("job_events") as events:
        events.drop_column("payload")
        for name, kind, _ in (*_PROGRESS, *_EVENT):
            events.alter_column(name, existing_type=kind, existing_nullable=False, server_default=None)
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_column("step")
        jobs.drop_column("steps")
        for name, kind, _ in _PROGRESS:
            jobs.alter_column(name, existing_type=kind, existing_nullable=False, server_default=None)


def _convert_events() -> None:
    """Every event, and the progress of each job from its last one."""
    run = op.get_bind().execute
    last = ("", 0)
    while True:
        after = sa.tuple_(_events.c.job_id, _events.c.seq) > last
        query = (
            sa.select(_events.c.job_id, _events.c.seq, _events.c.revision, _events.c.payload, _jobs.c.traceparent)
            .add_columns(_jobs.c.revision.label("job_revision"), _jobs.c.result, _jobs.c.kind)
            .join_from(_events, _jobs, _jobs.c.id == _events.c.job_id)
            .where(after)
            .order_by(_events.c.job_id, _events.c.seq)
            .limit(_PAGE)
        )
        rows = run(query).all()
        if not rows:
            return
        newest: dict[str, Mapping[str, Any]] = {}
        for row in rows:
            said = _read(bytes(row.payload))
            state = said.generation_progress.state
            is_result = state == _SUCCEEDED and row.revision == row.job_revision
            values = _values(said, row.kind, row.traceparent) | {"result": row.result if is_result else None}
            where = (_events.c.job_id == row.job_id, _events.c.seq == row.seq)
            run(_events.update().where(*where).values(**values))
            newest[row.job_id] = {name: values[name] for name, _, _ in _PROGRESS}
        for job_id, progress in newest.items():
            run(_jobs.update().where(_jobs.c.id == job_id).values(**progress))
        last = (rows[-1].job_id, rows[-1].seq)


def _convert_outbox() -> None:
    """Events on their way. What was to tell persons of a failure goes: the event says it too."""
    run = op.get_bind().execute
    is_waiting = (_outbox.c.topic == "event", _outbox.c.sent_us.is_(None))
    run(_outbox.delete().where(*is_waiting, _outbox.c.subject.like("%.error_notification.%")))
    stored = ("revision", "epoch", "attempt", "state", "time_us")
    for row in run(sa.select(_outbox.c.id, _outbox.c.payload).where(*is_waiting)).all():
        said = _read(bytes(row.payload))
        found = run(
            sa.select(*(_events.c[name] for name in stored), _jobs.c.revision.label("job_revision"), _jobs.c.result)
            .add_columns(_jobs.c.traceparent)
            .join_from(_events, _jobs, _jobs.c.id == _events.c.job_id)
            .where(_events.c.job_id == said.job_id, _events.c.seq == said.seq)
        ).one_or_none()
        update = said.generation_progress
        values = _values(said, update.kind, "" if found is None else found.traceparent)
        event = {
            "job_id": said.job_id, "kind": update.kind, "seq": said.seq, "revision": update.revision,
            "epoch": 0 if found is None else found.epoch, "attempt": update.attempt, "cached": update.cached,
            "traceparent": values["traceparent"], "state": update.state,
            "time_us": said.time.seconds * 1_000_000 + said.time.nanos // 1000,
            "failure": [update.error.reason, update.error.message] if update.HasField("error") else None,
            "progress": {
                "stage": values["progress_stage"], "done": values["progress_done"], "total": values["progress_total"],
                "unit": values["progress_unit"], "fraction": values["progress_fraction"],
                "detail": b64encode(values["progress_detail"]).decode(),
            },
            "result": None,
        }  # fmt: skip
        if found is not None and found.result is not None and found.job_revision == update.revision:
            event["result"] = b64encode(bytes(found.result)).decode() if update.state == _SUCCEEDED else None
        payload = json.dumps(event, separators=(",", ":")).encode()
        run(_outbox.update().where(_outbox.c.id == row.id).values(subject="", payload=payload))


def _values(said: Any, kind: str, traceparent: str) -> dict[str, Any]:
    """The columns of an event."""
    update = said.generation_progress
    is_in_trace = traceparent[3:35] == said.trace_id
    trace = f"00-{said.trace_id}-{1:016x}-01" if said.trace_id else ""
    return {
        "kind": kind,
        "cached": update.cached,
        "traceparent": traceparent if is_in_trace else trace,
        "failure_reason": update.error.reason if update.HasField("error") else None,
        "failure_message": update.error.message if update.HasField("error") else None,
        **_progress(update.progress, kind),
    }


def _progress(old: Any, kind: str) -> dict[str, Any]:
    """The columns of a progress. Frames followed the last step."""
    stage, done, total, unit = ("denoising", old.step, old.steps, "step") if old.steps else ("", 0, 0, "")
    if old.frame:
        stage, done, total, unit = "encoding", old.frame, old.frames, "frame"
    detail = b""
    if stage and kind in ("image", "video"):
        numbers = {"step": old.step, "steps": old.steps, "fraction": old.fraction}
        frames = {"frame": old.frame, "frames": old.frames} if kind == "video" else {}
        value = _CLASSES[f"{kind.capitalize()}Progress"](**numbers, **frames).SerializeToString()
        url = f"type.googleapis.com/atelier.{kind}.v1.{kind.capitalize()}Progress"
        detail = _CLASSES["Any"](type_url=url, value=value).SerializeToString()
    values = (stage, done, total, unit, old.fraction, detail)
    return {name: value for (name, _, _), value in zip(_PROGRESS, values, strict=True)}


def _read(payload: bytes) -> Any:
    return _CLASSES["Event"].FromString(payload)


def _classes(messages: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Classes of messages as they were: of each field its number, name and type."""
    file = FileDescriptorProto(name="atelier_0_1_0.proto", package="atelier_0_1_0", syntax="proto3")
    types: dict[str, int] = {
        "string": FieldDescriptorProto.TYPE_STRING, "bytes": FieldDescriptorProto.TYPE_BYTES,
        "uint32": FieldDescriptorProto.TYPE_UINT32, "int64": FieldDescriptorProto.TYPE_INT64,
        "bool": FieldDescriptorProto.TYPE_BOOL, "double": FieldDescriptorProto.TYPE_DOUBLE,
    }  # fmt: skip
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for line in fields:
            number, field_name, kind = line.split()
            field = message.field.add(name=field_name, number=int(number), label=FieldDescriptorProto.LABEL_OPTIONAL)
            if kind in types:
                field.type = types[kind]  # type: ignore[assignment]  # an enum of its own
            else:
                field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".atelier_0_1_0.{kind}"
    pool = DescriptorPool()
    pool.Add(file)
    return {name: GetMessageClass(pool.FindMessageTypeByName(f"atelier_0_1_0.{name}")) for name in messages}


_CLASSES = _classes(
    {
        "Event": (
            "3 job_id string", "4 seq uint32", "5 time Time", "6 trace_id string", "11 generation_progress Update",
        ),
        "Time": ("1 seconds int64", "2 nanos uint32"),
        "Update": (
            "1 kind string", "2 revision uint32", "3 state uint32", "4 progress Progress", "5 attempt uint32",
            "7 error Failure", "11 cached bool",
        ),
        "Progress": ("1 step uint32", "2 steps uint32", "3 fraction double", "5 frame uint32", "6 frames uint32"),
        "Failure": ("1 reason string", "2 message string"),
        "ImageProgress": ("1 step uint32", "2 steps uint32", "3 fraction double"),
        "VideoProgress": (
            "1 step uint32", "2 steps uint32", "3 fraction double", "4 frame uint32", "5 frames uint32",
        ),
        "Any": ("1 type_url string", "2 value bytes"),
    }
)  # fmt: skip
