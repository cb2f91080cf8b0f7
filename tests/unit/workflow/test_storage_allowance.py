"""The storage allowance of an attempt."""

import pytest

from atelier_nodes.mesh import MeshError
from atelier_workflow.worker.storage_allowance import StorageAllowance


def test_the_last_file_fits_and_one_more_does_not() -> None:
    allowance = StorageAllowance(files=2, size_bytes=100)
    allowance.take(1)
    allowance.take(1)

    with pytest.raises(MeshError, match="too many files"):
        allowance.take(1)


def test_a_file_that_is_too_large_leaves_room_for_a_small_one() -> None:
    allowance = StorageAllowance(files=5, size_bytes=100)
    allowance.take(60)
    with pytest.raises(MeshError) as refused:
        allowance.take(41)
    allowance.take(40)

    assert refused.value.reason == "STORED_TOO_MUCH"
