from pathlib import Path

from smartms_img.execution.scrub import Scrubber


def test_longest_path_wins_and_neighbours_stay() -> None:
    scrub = Scrubber({"BIDS": Path("/data/trial"), "OUT": Path("/data/trial/derivatives/x")})
    assert scrub("/data/trial/derivatives/x/a.nii") == "OUT/a.nii"
    assert scrub("'/data/trial': and /data/trial2") == "'BIDS': and /data/trial2"


def test_home_is_never_spelt() -> None:
    assert str(Path.home()) not in Scrubber({})(f"see {Path.home()}/.cache")
