"""Curves of a training run."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2cap.report.curves import HEIGHT, WIDTH, chart, charts_of, nice_ticks, thinned, write_curves
from pix2cap.report.shell import csp_hash


def _records(steps: int) -> list[dict[str, Any]]:
    train = [
        {
            "event": "train",
            "step": step,
            "loss": 3.0 / step,
            "grad_norm": 1.0,
            "losses": {"class_0": 1.0 / step, "class_1": 1.0 / step, "caption_0": 1.0 / step},
            "lr": {"backbone": 1e-5, "rest": 1e-4, "caption_decoder": 1e-4},
            "images_per_s": 2.5,
        }
        for step in range(1, steps + 1)
    ]
    scores = [
        {"event": "eval", "step": steps, "scores": {"panoptic.all.pq": 0.5, "captions.cider": 1.25}},
    ]
    session = {
        "event": "session",
        "step": 0,
        "total": steps,
        "parameters": 10,
        "learning": 9,
        "devices": 1,
        "device": "cpu",
        "precision": "fp32",
        "torch": "2",
    }
    return [session, *train, *scores]


def test_each_stage_has_a_loss_of_its_own() -> None:
    records = [{**r, "stage": "words" if r["step"] < 5 else "answers"} for r in _records(10)]
    (loss,) = (one for one in charts_of(records) if one.title == "Loss")
    assert [line.name for line in loss.lines] == ["words", "answers"]
    assert [line.last for line in loss.lines] == ["0.75", "0.3"]


def test_charts_show_what_the_log_has() -> None:
    charts = {one.title: one for one in charts_of(_records(20))}
    assert list(charts) == [
        "Loss",
        "Losses, summed over layers",
        "Panoptic quality",
        "CIDEr",
        "Learning rate",
        "Norm of the gradient",
    ]
    by_kind = {line.name: line.last for line in charts["Losses, summed over layers"].lines}
    assert by_kind == {"class": "0.1", "caption": "0.05"}
    assert [line.name for line in charts["Learning rate"].lines] == ["backbone", "rest, caption decoder"]
    ((x, y, text),) = charts["CIDEr"].lines[0].dots
    assert (x, text) == (WIDTH, "step 20: CIDEr 1.25")
    assert 0 <= y <= HEIGHT


def test_points_lie_where_their_values_say() -> None:
    drawn = chart("Loss", {"a": [(0, 0.0), (5, 1.0), (10, 0.5)]}, 10)
    assert drawn is not None
    assert drawn.lines[0].path == f"M0 {HEIGHT:g}L{WIDTH / 2:g} 0L{WIDTH:g} {HEIGHT / 2:g}"
    assert drawn.y_ticks[0] == (HEIGHT, "0") and drawn.y_ticks[-1] == (0.0, "1")


def test_nothing_to_draw_is_no_chart() -> None:
    assert chart("Loss", {"a": []}, 10) is None
    assert charts_of([]) == []


def test_one_constant_value_has_an_axis() -> None:
    drawn = chart("Loss", {"a": [(1, 0.0)]}, 1)
    assert drawn is not None and "nan" not in drawn.lines[0].path


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.integers(2, 8))
def test_ticks_are_round_and_enclose(low: float, span: float, most: int) -> None:
    high = low + span
    ticks = nice_ticks(low, high, most=most)
    step = ticks[1] - ticks[0]
    assert ticks[0] <= low + 1e-6 * step and ticks[-1] >= high - 1e-6 * step
    assert len(ticks) <= most + 3
    digit = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert round(digit, 6) in (1, 2, 5, 10)


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=2000))
def test_thinning_keeps_the_mean(values: list[float]) -> None:
    points = list(enumerate(values))
    thin = thinned(points)
    assert len(thin) <= 400
    each = -(-len(points) // 400)
    if len(points) % each == 0:
        assert sum(v for _, v in thin) / len(thin) == pytest.approx(sum(values) / len(values), abs=1e-9)


def test_the_page_stands_alone(tmp_path: Path) -> None:
    out = write_curves(_records(1000), tmp_path / "curves.html", title="run <1>")
    page = out.read_text("utf-8")
    assert "run &lt;1&gt;" in page and "<script" not in page
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", page)
    # The policy lets in exactly this style: escaped, it would be another and the page would be bare.
    (style,) = re.findall(r"<style>(.*?)</style>", page, flags=re.S)
    assert f"style-src '{csp_hash(style)}'" in page
    for svg in re.findall(r"<svg.*?</svg>", page, flags=re.S):
        ElementTree.fromstring(svg)
    assert "10, of which 9 learn" in page and "2.50 (median)" in page
    assert len(page) < 120_000
