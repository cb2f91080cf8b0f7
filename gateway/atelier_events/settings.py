"""Settings of atelier-events."""

from pydantic import Field

from atelier_service.settings import StreamSettings


class EventsSettings(StreamSettings):
    """Read from the environment, `ATELIER_<FIELD>`."""

    websocket_listen: str = Field(default="127.0.0.1:0", description="host:port of the WebSocket server")
    nats_url: str = Field(default="nats://127.0.0.1:4222", description="where the broker is")
    state_dir: str = Field(default=".", description="a folder on the disk whose use the system status reports")
    heartbeat_s: float = Field(default=15.0, gt=0, le=60, description="seconds of silence after which a stream says so")
    backlog_events: int = Field(
        default=1000, ge=10, le=100_000, description="events that wait for a slow watcher before it is let go"
    )
