"""Lists of the largest records that can be, over REST: every page comes, and all pages hold everything."""

import pytest

from tests.mesh.pages import every
from tests.mesh.running_mesh import RunningMesh

LABELS = {f"{number:02}".ljust(64, "é"): "\x01" * 256 for number in range(32)}


@pytest.mark.parametrize("kind", ["images", "videos"])
def test_a_list_of_the_largest_records_is_read_to_its_end(mesh: RunningMesh, kind: str) -> None:
    with mesh.client(mesh.key_of(f"writes-much-{kind}")) as client:
        made = []
        for number in range(40):
            body = {
                "prompt": f"{number} " + "\x01" * 3900, "negative_prompt": "😀" * 4000, "metadata": LABELS,
                "width_px": 64, "height_px": 64, "steps": 1,
            }  # fmt: skip
            answer = client.post(f"/api/v1/{kind}/generate", json=body)
            assert answer.status_code == 202, answer.text[:500]
            made.append(answer.json()["id"])
            assert client.post(f"/api/v1/{kind}/{made[-1]}/cancel").status_code == 200
        first = client.get(f"/api/v1/{kind}", params={"page_size": 100}).json()
        assert first["next_page_token"]
        assert [record["id"] for record in every(client, f"/api/v1/{kind}", kind)] == made[::-1]
        for one in made:
            assert client.delete(f"/api/v1/{kind}/{one}").status_code == 200
