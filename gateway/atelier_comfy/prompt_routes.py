"""Prompt routes: the queue, the history, jobs and interrupts."""

from collections.abc import Collection
from typing import Any

from aiohttp import web

from atelier_comfy.backend import PromptBackend
from atelier_comfy.job_listing import JobFilter, JobFilterError
from atelier_comfy.json_body import read_json, read_object
from atelier_comfy.prompt import compact
from atelier_comfy.prompt_handlers import PromptHandlers
from atelier_comfy.submission import PromptRefusedError, read_submission


class PromptRoutes:
    """`/prompt`, `/queue`, `/interrupt`, `/history`, `/free` and `/api/jobs`."""

    def __init__(self, backend: PromptBackend, handlers: PromptHandlers) -> None:
        self._backend = backend
        self._handlers = handlers

    def routes(self) -> list[web.RouteDef]:
        """Returns the routes to be added to the application."""
        return [
            web.get("/prompt", self.remaining),
            web.post("/prompt", self.submit),
            web.get("/queue", self.queue),
            web.post("/queue", self.change_queue),
            web.post("/interrupt", self.interrupt),
            web.get("/history", self.history),
            web.post("/history", self.change_history),
            web.get("/history/{id}", self.entry),
            web.post("/free", self.free),
        ]

    def job_routes(self) -> list[web.RouteDef]:
        """Returns the routes to be added only below /api."""
        return [
            web.get("/jobs", self.jobs),
            web.post("/jobs/cancel", self.cancel_jobs),
            web.get("/jobs/{id}", self.job),
            web.post("/jobs/{id}/cancel", self.cancel_job),
        ]

    async def remaining(self, _request: web.Request) -> web.Response:
        """How many prompts wait or run."""
        return web.json_response({"exec_info": {"queue_remaining": await self._backend.remaining()}})

    async def submit(self, request: web.Request) -> web.Response:
        """Validates and stores a prompt."""
        try:
            body, source = await read_json(request), request.headers.get("Comfy-Usage-Source")
            submission = read_submission(body, source)
            if (changed := await self._handlers.applied(body)) is not body:
                submission = read_submission(changed, source)
            return web.json_response(await self._backend.submit(submission), dumps=compact)
        except PromptRefusedError as refused:
            return web.json_response(refused.body, status=refused.status, dumps=compact)

    async def queue(self, _request: web.Request) -> web.Response:
        """Prompts that run and wait."""
        queue = await self._backend.queue()
        running, pending = ",".join(queue.running), ",".join(queue.pending)
        return _json(f'{{"queue_running":[{running}],"queue_pending":[{pending}]}}')

    async def change_queue(self, request: web.Request) -> web.Response:
        """Clears the queue, or deletes some of it."""
        body = await read_object(request)
        if body.get("clear"):
            await self._backend.drop_waiting(None)
        if "delete" in body:
            await self._backend.drop_waiting(_ids(body["delete"], "delete"))
        return web.Response()

    async def interrupt(self, request: web.Request) -> web.Response:
        """Ends one running prompt, or all."""
        body = await read_object(request)
        prompt_id = body.get("prompt_id")
        if prompt_id is not None and not isinstance(prompt_id, str):
            raise web.HTTPBadRequest(text="prompt_id must be a string")
        await self._backend.interrupt(prompt_id)
        return web.Response()

    async def history(self, request: web.Request) -> web.StreamResponse:
        """Streams all entries, or some."""
        max_items, offset = _whole(request, "max_items"), _whole(request, "offset")
        response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
        await response.prepare(request)
        before = "{"
        async for prompt_id, entry in self._backend.history(max_items, -1 if offset is None else offset):
            await response.write(f"{before}{compact(prompt_id)}:{entry}".encode())
            before = ","
        await response.write(b"{}" if before == "{" else b"}")
        await response.write_eof()
        return response

    async def entry(self, request: web.Request) -> web.Response:
        """One entry under its id; an empty object while there is none."""
        prompt_id = request.match_info["id"]
        entry = await self._backend.entry(prompt_id)
        return _json("{}" if entry is None else f"{{{compact(prompt_id)}:{entry}}}")

    async def change_history(self, request: web.Request) -> web.Response:
        """Clears the history, or deletes some of it."""
        body = await read_object(request)
        if body.get("clear"):
            await self._backend.forget(None)
        if "delete" in body:
            await self._backend.forget(_ids(body["delete"], "delete"))
        return web.Response()

    async def free(self, request: web.Request) -> web.Response:
        """Frees memory of the hosts."""
        body = await read_object(request)
        await self._backend.free(
            unload_models=bool(body.get("unload_models")), free_memory=bool(body.get("free_memory"))
        )
        return web.Response()

    async def jobs(self, request: web.Request) -> web.Response:
        """A page of jobs."""
        try:
            wanted = JobFilter.of_query(request.query)
        except JobFilterError as error:
            return web.json_response({"error": str(error)}, status=400)
        jobs, total = await self._backend.jobs(wanted)
        pagination = {
            "offset": wanted.offset,
            "limit": wanted.limit,
            "total": total,
            "has_more": wanted.offset + len(jobs) < total,
        }
        return web.json_response({"jobs": jobs, "pagination": pagination}, dumps=compact)

    async def job(self, request: web.Request) -> web.Response:
        """One job, with its graph and outputs."""
        job = await self._backend.job(request.match_info["id"])
        if job is None:
            return _no_job()
        return web.json_response(job, dumps=compact)

    async def cancel_job(self, request: web.Request) -> web.Response:
        """Removes a waiting job, or ends a running one."""
        cancelled = await self._backend.cancel(request.match_info["id"])
        if cancelled is None:
            return _no_job()
        return web.json_response({"cancelled": cancelled})

    async def cancel_jobs(self, request: web.Request) -> web.Response:
        """Cancels several; those that are unknown or have ended are left out of the response."""
        ids = _ids((await read_object(request)).get("job_ids"), "job_ids")
        return web.json_response({"cancelled": [job for job in ids if await self._backend.cancel(job)]})


def _json(text: str) -> web.Response:
    return web.Response(text=text, content_type="application/json")


def _no_job() -> web.Response:
    return web.json_response({"error": "there is no job of this id"}, status=404)


def _ids(value: Any, name: str) -> Collection[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise web.HTTPBadRequest(text=f"{name} must be a list of ids")
    return value


def _whole(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        number = int(text)
    except ValueError:
        raise web.HTTPBadRequest(text=f"{name} must be a whole number") from None
    return max(-1, min(number, 2**31))
