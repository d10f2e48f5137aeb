"""The counts of a run: every segment once, and a cost that is never a guess."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pix2cap.annotate.status import RunStatus, SegmentCounts, read_status
from pix2cap.errors import BudgetReached, InputError, ModelUnavailable
from pix2cap.vlm.model import Reply, Usage
from pix2cap.vlm.pricing import Price
from tests.builders.bench import journal_sql, scripted_run
from tests.builders.panoptic import CocoPaths, build_coco_panoptic
from tests.builders.scripted_model import ScriptedModel, reply_json

PAID = Price(1.0, 10.0, "test")


@pytest.fixture
def paths(tmp_path: Path) -> CocoPaths:
    return build_coco_panoptic(tmp_path / "data", n_images=3, n_segments=4, crowd=True)


def test_every_segment_has_one_status(paths: CocoPaths, tmp_path: Path) -> None:
    paths.picture_path(2).unlink()
    model = ScriptedModel(lambda request: reply_json(request, id1="", id2=None))
    status = scripted_run(paths, tmp_path / "run", model)
    counts = status.segments
    assert (counts.total, counts.crowd) == (9, 3)
    assert counts.total == counts.captioned + counts.not_visible + counts.failed + counts.pending
    assert status.images_refused == 1
    assert sum(status.failed_reasons.values()) == counts.failed
    assert status.failed_reasons["image: missing file"] == 3
    assert read_status(tmp_path / "run") == status
    assert json.loads(json.dumps(status.to_json())) == status.to_json()


def test_the_latest_outcome_counts(paths: CocoPaths, tmp_path: Path) -> None:
    scripted_run(paths, tmp_path / "run", ScriptedModel(lambda request: reply_json(request, id1=None)))
    before = read_status(tmp_path / "run")
    assert (before.segments.failed, before.failed_reasons) == (3, {"missing": 3})
    after = scripted_run(paths, tmp_path / "run", ScriptedModel(), retry_failed=True)
    assert (after.segments.failed, after.failed_reasons) == (0, {})
    assert after.segments.captioned == 9


def test_what_was_paid_is_summed(paths: CocoPaths, tmp_path: Path) -> None:
    status = scripted_run(paths, tmp_path / "run", ScriptedModel(), price=PAID)
    assert (status.requests, status.input_tokens, status.output_tokens) == (3, 3000, 300)
    assert status.cost_usd == pytest.approx(3 * 0.002)


def test_one_reply_without_a_price_makes_the_sum_unknown(paths: CocoPaths, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert scripted_run(paths, run, ScriptedModel(), price=PAID, limit=1).cost_usd == pytest.approx(0.002)
    assert scripted_run(paths, run, ScriptedModel(), price=None, limit=1).cost_usd == pytest.approx(0.002)
    assert scripted_run(paths, run, ScriptedModel(), price=None, limit=2).cost_usd is None
    assert scripted_run(paths, run, ScriptedModel(), price=PAID).cost_usd is None


def test_unknown_is_never_zero(paths: CocoPaths, tmp_path: Path) -> None:
    failing = ScriptedModel(lambda _: ModelUnavailable("gave up", reason="http 500"))
    status = scripted_run(paths, tmp_path / "run", failing, price=None, limit=1)
    assert status.cost_usd is None
    with pytest.raises(ModelUnavailable):
        scripted_run(
            paths,
            tmp_path / "down",
            ScriptedModel(lambda _: ModelUnavailable("x", unreachable=True)),
            price=None,
        )
    assert read_status(tmp_path / "down").cost_usd is None


def test_a_budget_counts_replies_that_came_without_a_price(paths: CocoPaths, tmp_path: Path) -> None:
    run = tmp_path / "run"
    scripted_run(paths, run, ScriptedModel(), price=None, limit=2)
    later = ScriptedModel()
    with pytest.raises(BudgetReached, match=r"\$0\.0040 spent"):
        scripted_run(paths, run, later, price=PAID, max_cost_usd=0.004)
    assert later.requests == []


def test_a_budget_is_refused_where_the_past_cannot_be_priced(paths: CocoPaths, tmp_path: Path) -> None:
    silent = ScriptedModel(lambda request: Reply(reply_json(request), Usage()))
    scripted_run(paths, tmp_path / "run", silent, price=None, limit=1)
    with pytest.raises(Exception, match="what the run has cost so far"):
        scripted_run(paths, tmp_path / "run", ScriptedModel(), price=PAID, max_cost_usd=1.0)
    assert scripted_run(paths, tmp_path / "run", ScriptedModel(), price=PAID).is_clean


@pytest.mark.parametrize(
    ("failed", "pending", "refused", "clean"),
    [(0, 0, 0, True), (1, 0, 0, False), (0, 1, 0, False), (0, 0, 1, False)],
)
def test_clean(failed: int, pending: int, refused: int, clean: bool) -> None:
    counts = SegmentCounts(total=9, captioned=1, not_visible=2, failed=failed, pending=pending, crowd=5)
    assert RunStatus(3, refused, counts, {}, 0, 0, 0, None, "m").is_clean is clean


def test_a_journal_whose_tables_are_gone(paths: CocoPaths, tmp_path: Path) -> None:
    scripted_run(paths, tmp_path / "run", ScriptedModel())
    journal_sql(tmp_path / "run", "DROP TABLE replies")
    with pytest.raises(InputError, match=r"journal\.sqlite: .*no such table: replies"):
        read_status(tmp_path / "run")
