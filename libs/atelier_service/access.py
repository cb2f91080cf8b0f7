"""Access rules: who may call a method, by the options of its contract."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor

from atelier.type.v1 import access_pb2
from atelier_service.errors import PermissionDeniedError

if TYPE_CHECKING:
    from atelier_service.identity import Principal


@dataclass(frozen=True, slots=True)
class Access:
    """The rule of one method. `scope` is empty when none is required; without a scope and with `caller` unspecified, no
    caller is allowed."""

    scope: str
    caller: access_pb2.Caller.ValueType
    may_finish: bool
    """Whether a download in progress may finish after its credential has ended."""
    job_token: bool
    """Whether the token of a job may call it."""
    parent_token: bool
    """Whether the token of a parent job may call it, for the jobs of that parent."""
    streams: bool
    """Whether the response is a stream."""
    answer: str
    """Full name of the response message."""

    @property
    def is_public(self) -> bool:
        """Whether the method needs no credential."""
        return self.caller == access_pb2.ANYBODY

    def check(self, principal: "Principal") -> None:
        """Raises PermissionDeniedError when the caller's credential does not permit the method."""
        if principal.job is not None and not (self.job_token or (self.parent_token and principal.job.is_parent)):
            raise PermissionDeniedError("JOB_TOKEN", "the token of a job opens the files of that job alone")
        if self.caller == access_pb2.SERVICE:
            if not (principal.is_service or principal.actor):
                raise PermissionDeniedError("SERVICE_REQUIRED", "only a service of the mesh may do this")
        elif self.caller == access_pb2.WORKER:
            if not principal.is_worker:
                raise PermissionDeniedError("WORKER_REQUIRED", "only a worker may do this")
        elif self.caller == access_pb2.ANY_USER:
            if principal.is_service or principal.is_worker:
                raise _without_scope("")
        elif not self.scope or self.scope not in principal.scopes:
            if self.scope == "admin":
                raise PermissionDeniedError("ADMIN_ONLY", "only administrators may do this")
            raise _without_scope(self.scope)


def access_of(method: str) -> Access:
    """Returns the rule of `/package.Service/Method`. Unknown methods, and those without a rule, permit no caller."""
    found = _method(method)
    rule = access_pb2.AccessRule() if found is None else found.GetOptions().Extensions[access_pb2.access]
    streams, answer = (False, "") if found is None else (found.server_streaming, found.output_type.full_name)
    return _access(rule.scope, rule.caller, rule.may_finish, rule.job_token, rule.parent_token, streams, answer)


@cache
def _access(
    scope: access_pb2.Scope.ValueType,
    caller: access_pb2.Caller.ValueType,
    may_finish: bool,
    job_token: bool,
    parent_token: bool,
    streams: bool,
    answer: str,
) -> Access:
    name = access_pb2.Scope.Name(scope).lower() if scope else ""
    return Access(name, caller, may_finish, job_token, parent_token, streams, answer)


def _method(method: str) -> MethodDescriptor | None:
    service, _, name = method.strip("/").rpartition("/")
    try:
        return descriptor_pool.Default().FindMethodByName(f"{service}.{name}")
    except KeyError:
        return None


def _without_scope(scope: str) -> PermissionDeniedError:
    text = f"this credential may not do this: it lacks the scope {scope}" if scope else "this is for users only"
    return PermissionDeniedError("SCOPE_REQUIRED", text, metadata={"scope": scope} if scope else None)
