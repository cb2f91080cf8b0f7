"""Pages of several kinds are one list: no job is missing, none comes twice."""

import random
from collections.abc import Iterable, Sequence

from atelier.jobs.v1.job_service_pb2 import Job
from atelier_jobs.api.job_directory import JobsPage, merge


def page(ids: Sequence[str], before: str, limit: int) -> JobsPage:
    """What a source returns of its jobs."""
    older = sorted((job_id for job_id in ids if not before or job_id < before), reverse=True)
    return JobsPage([Job(id=job_id) for job_id in older[:limit]], more=len(older) > limit)


def all_pages(kinds: Sequence[list[str]], sizes: Iterable[int]) -> list[list[str]]:
    """The ids on each page until the last; each source cuts its pages at its own size, from `sizes`."""
    before, found, cuts = "", [], iter(sizes)
    while True:
        limit = next(cuts)
        pages = [page(ids, before, min(limit, next(cuts))) for ids in kinds]
        jobs, before = merge(pages, limit)
        found.append([job.id for job in jobs])
        if not before:
            return found


def test_pages_hold_every_job_once_and_newest_first() -> None:
    chance = random.Random(7)
    for _ in range(200):
        ids = [f"{number:04}" for number in chance.sample(range(10_000), chance.randrange(40))]
        cut = chance.randrange(len(ids) + 1)
        found = all_pages([ids[:cut], ids[cut:], []], iter(lambda: chance.randrange(1, 9), None))
        assert [job_id for some in found for job_id in some] == sorted(ids, reverse=True)


def test_jobs_that_come_and_go_between_pages_move_none_of_the_others() -> None:
    images, videos = ["100", "300", "500"], ["200", "400"]
    first, before = merge([page(images, "", 2), page(videos, "", 2)], 2)
    images.append("900")
    videos.remove("400")
    rest, end = merge([page(images, before, 10), page(videos, before, 10)], 10)
    assert [job.id for job in first] == ["500", "400"]
    assert [job.id for job in rest] == ["300", "200", "100"]
    assert not end


def test_nothing_is_taken_from_below_the_end_of_a_page_that_was_cut_off() -> None:
    cut = JobsPage([Job(id="500")], more=True)
    whole = JobsPage([Job(id="600"), Job(id="400")], more=False)
    jobs, before = merge([cut, whole], 10)
    assert ([job.id for job in jobs], before) == (["600", "500"], "500")


def test_no_jobs_are_one_empty_page() -> None:
    assert merge([JobsPage([], more=False), JobsPage([], more=False)], 10) == ([], "")
