"""The report says no more than was measured."""

from retort_training.report import _cell, _has_spread


def record(losses: list[float], different: int) -> dict:
    return {"seeds": [{"multi_scale_loss": x} for x in losses], "different_renderings": different}


def test_the_spread_over_seeds_is_given_where_every_seed_sounds_different():
    assert _cell(record([5.0, 5.1, 5.2], 3), "multi_scale_loss") == "5.100 ± 0.100"


def test_one_rendering_repeated_has_no_spread():
    repeated = record([5.4, 5.4], 1)
    assert not _has_spread(repeated)
    assert _cell(repeated, "multi_scale_loss") == "5.400"


def test_one_seed_has_no_spread():
    assert _cell(record([5.4], 1), "multi_scale_loss") == "5.400"
