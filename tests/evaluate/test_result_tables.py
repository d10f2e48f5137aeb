"""Tables: what is bold, what is missing and why, and that LaTeX takes any name."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2cap.evaluate.result import (
    CaptionQuality,
    CaptionScores,
    MapScores,
    PanopticCaptioningResult,
)
from pix2cap.evaluate.result_columns import COLUMNS, best_of, score_table
from pix2cap.evaluate.result_tables import to_csv, to_html, to_latex, to_rich, to_text
from tests.builders.results import made_result

NASTY = r"[a]_&%$#{}~^\ <|>" + '"*\n`'


def _reference() -> PanopticCaptioningResult:
    return made_result(
        mode="reference", map=MapScores(0.1, 0.2), caption_pq=CaptionQuality(), intervals={},
        captions=CaptionScores(meteor=0.0, cider=9.9),
    )  # fmt: skip


def _with_cider(cider: float | None) -> PanopticCaptioningResult:
    return made_result(captions=CaptionScores(cider=cider), intervals={})


@pytest.mark.parametrize(
    ("values", "best"),
    [
        ([1.0, 2.0], [False, True]),
        ([2.0, 2.0], [False, False]),
        ([2.0, 2.0, 1.0], [True, True, False]),
        ([None, 2.0], [False, False]),
        ([None, 2.0, 3.0], [False, False, True]),
        ([None, None], [False, False]),
        ([0.0], [False]),
    ],
)
def test_the_best_of_several(values: list[float | None], best: list[bool]) -> None:
    cider = next(column for column in COLUMNS if column.label == "CIDEr")
    assert best_of(cider, [_with_cider(value) for value in values]) == best


def test_modes_do_not_compete() -> None:
    cider = next(column for column in COLUMNS if column.label == "CIDEr")
    assert best_of(cider, [_with_cider(1.0), _reference()]) == [False, False]
    table = score_table([_with_cider(1.0), _reference()], ["a", "b"])
    assert any("do not compare" in remark for remark in table.remarks)


def test_a_missing_score_has_a_footnote_with_its_reason() -> None:
    result = made_result(missing={"spice": "no Java", "spice_sg": "not asked for"})
    table = score_table([result, result], ["a", "b"])
    spice = table.cells[[column.label for column in table.columns].index("SPICE")]
    assert [(cell.text, cell.note) for cell in spice] == [("--", "a"), ("--", "a")]
    assert table.notes == {"a": "no Java"}
    assert "SPICE-SG" not in [column.label for column in table.columns]


def test_spice_sg_appears_under_its_own_name_where_it_was_computed() -> None:
    result = made_result(captions=CaptionScores(spice_sg=0.4))
    labels = [column.label for column in score_table([result], ["a"]).columns]
    assert labels.index("SPICE-SG") == labels.index("SPICE") + 1


def test_units_are_stated_and_kept() -> None:
    result = made_result()
    text = to_text([result], ["model"])
    assert result.panoptic.all.pq is not None
    assert re.search(rf"^PQ +{100 * result.panoptic.all.pq:.1f}  \[", text, re.M)
    assert re.search(r"^CIDEr +3\.12", text, re.M)
    assert "x 100 but CIDEr, which is 0 to 10" in text
    assert "95 %" in text
    assert "95 %" not in to_text([replace(result, intervals={})], ["model"])


def test_names_and_results_must_be_as_many() -> None:
    for make in (to_text, to_latex, to_csv, to_html):
        with pytest.raises(ValueError, match="one name"):
            make([made_result()], ["a", "b"])
        with pytest.raises(ValueError, match="at least one"):
            make([], [])


def test_latex_has_the_paper_s_columns_and_marks_the_best() -> None:
    weak, strong = made_result(seed=1), made_result(seed=1, captions=CaptionScores(cider=9.0))
    text = to_latex([weak, strong], ["weak", "strong"])
    head = text[text.index(r"\toprule") : text.index(r"\midrule")]
    assert re.findall(r"& ([\w-]+)", head) == [
        "PQ", "SQ", "RQ", "mAP", "BLEU-4", "METEOR", "CIDEr", "ROUGE-L", "SPICE", "caption-PQ",
    ]  # fmt: skip
    assert r"\textbf{9.00}" in text
    assert text.count(r"\textbf{") == 1, "all other scores are equal"
    assert r"--\textsuperscript{a}" in text


def _structure(text: str) -> None:
    """Braces balance, and every line of the table has as many cells as columns."""
    bare = re.sub(r"\\[{}\\%&$#_]", "", text.replace(r"\\", "<end>"))
    assert bare.count("{") == bare.count("}")
    columns = re.search(r"\\begin\{tabular\}\{(\w+)\}", text)
    assert columns is not None
    body = bare[bare.index(r"\toprule") : bare.index(r"\bottomrule")]
    for line in body.split("<end>")[:-1]:
        assert line.count("&") == len(columns.group(1)) - 1


@given(name=st.text(max_size=20), reason=st.text(min_size=1, max_size=40))
@settings(max_examples=60)
def test_any_name_keeps_latex_s_structure(name: str, reason: str) -> None:
    _structure(to_latex([made_result(n_images=2, missing={"spice": reason}), _reference()], [name, NASTY]))


def test_latex_compiles(tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    table = to_latex([made_result(), made_result(seed=2), _reference()], [NASTY, "*b", "[c]"])
    source = r"\documentclass{article}\usepackage{booktabs}\begin{document}" + table + r"\end{document}"
    (tmp_path / "t.tex").write_text(source)
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    if "booktabs.sty' not found" in done.stdout:
        pytest.skip("booktabs is not installed")
    assert done.returncode == 0, done.stdout[-2000:]


def test_csv_keeps_full_precision_and_all_paths() -> None:
    one, other = made_result(), _reference()
    rows = list(csv.DictReader(io.StringIO(to_csv([one, other], ['a "name", with\nbreak', "b"]))))
    assert [row["name"] for row in rows] == ['a "name", with\nbreak', "b"]
    assert float(rows[0]["panoptic.all.pq"]) == one.panoptic.all.pq
    assert float(rows[0]["panoptic.all.pq.low"]) == one.intervals["panoptic.all.pq"].low
    assert rows[0]["captions.spice"] == ""
    assert "spice: Java is not installed" in rows[0]["missing"]
    assert rows[0]["map.map"] == ""
    assert float(rows[1]["map.map"]) == 0.1
    assert rows[1]["map.class_aware.map"] == rows[1]["panoptic.all.pq.low"] == ""
    assert float(rows[1]["captions.meteor"]) == 0, "the released 0 is a number, not a missing one"


def test_html_is_escaped() -> None:
    html = to_html([made_result(missing={"spice": "<script>1</script>"})], ["<b>&"])
    assert "<script>" not in html
    assert "&lt;b&gt;&amp;" in html


def test_rich_shows_the_same_numbers() -> None:
    from rich.console import Console

    results = [made_result(), _with_cider(9.87)]
    console = Console(file=io.StringIO(), width=160, record=True)
    console.print(to_rich(results, ["one [bold]x[/]", "two"]))
    text = console.export_text()
    assert "one [bold]x[/]" in text, "a name is text, not markup"
    assert "9.87" in text
    assert "(b) Java is not installed" in text
