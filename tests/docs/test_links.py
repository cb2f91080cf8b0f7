"""No page of the documentation points at a file that is not there."""

import pytest

from tests.docs.page import ROOT, Page

PAGES = [path.relative_to(ROOT).as_posix() for path in (*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")))]


@pytest.mark.parametrize("path", PAGES)
def test_every_link_leads_somewhere(path: str) -> None:
    page = Page(path)
    assert [link for link in page.links() if not (page.path.parent / link).exists()] == []
