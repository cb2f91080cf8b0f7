"""Health service (grpc.health.v1), as Envoy and Kubernetes check it."""

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Health:
    """The health of this process, for the whole server (the empty service name)."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._servicer = HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def set_serving(self, serving: bool) -> None:
        """Sets the status that health checks and watches return."""
        await self._servicer.set("", SERVING if serving else NOT_SERVING)
