"""What else may lie where clips grow."""

from pathlib import Path

from atelier_video.worker.scratch import scratch_folder


def test_what_is_no_folder_of_ours_keeps_no_worker_from_starting(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (tmp_path / "atelier-clips-gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "atelier-clips-theirs").symlink_to(theirs)
    (tmp_path / "atelier-clips-file").touch()
    with scratch_folder(tmp_path) as folder:
        assert folder.is_dir()
    assert theirs.is_dir()
