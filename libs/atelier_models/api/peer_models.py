"""Models of another kind: a ModelSource over gRPC, in the service that they are for."""

from collections.abc import Mapping, Sequence
from typing import get_args

import grpc.aio

from atelier.models.v1 import model_service_pb2, model_service_pb2_grpc
from atelier_diffusion.policy.model_card import ModelKind
from atelier_models.api.model_directory import ModelDirectory
from atelier_models.api.own_models import OwnModels
from atelier_models.domain.models import Models
from atelier_service.federation import FORWARDED, Federation
from atelier_service.rpc_errors import answered

_DEADLINE_S = 3.0
_PAGE = 100


def model_directory(kind: str, models: Models, peers: Mapping[str, grpc.aio.Channel]) -> ModelDirectory:
    """Creates the directory of this process's `kind` and of its peers that draw; see `open_peers`."""
    others = {peer: PeerModels(channel) for peer, channel in peers.items() if peer in get_args(ModelKind)}
    return ModelDirectory(Federation(kind, OwnModels(models), others))


class PeerModels:
    """A ModelSource in another process. Errors of the peer are raised unchanged."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        """Calls on `channel` carry the token of the caller being served."""
        self._stub = model_service_pb2_grpc.ModelServiceStub(channel)

    async def all(self) -> Sequence[model_service_pb2.Model]:
        """See ModelSource.all."""
        found: list[model_service_pb2.Model] = []
        request = model_service_pb2.ListModelsRequest(page_size=_PAGE)
        while True:
            page = await answered(self._stub.ListModels(request, timeout=_DEADLINE_S, metadata=FORWARDED))
            found += page.models
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    async def get(self, model_id: str) -> model_service_pb2.Model:
        """See ModelSource.get."""
        request = model_service_pb2.GetModelRequest(id=model_id)
        return await answered(self._stub.GetModel(request, timeout=_DEADLINE_S, metadata=FORWARDED))

    async def command(self, model_id: str, *, load: bool) -> model_service_pb2.Model:
        """See ModelSource.command."""
        if load:
            request = model_service_pb2.LoadModelRequest(id=model_id)
            return await answered(self._stub.LoadModel(request, timeout=_DEADLINE_S, metadata=FORWARDED))
        drop = model_service_pb2.UnloadModelRequest(id=model_id)
        return await answered(self._stub.UnloadModel(drop, timeout=_DEADLINE_S, metadata=FORWARDED))
