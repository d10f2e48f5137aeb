"""A report of scores: one result, or several side by side, in one self-contained page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from pix2cap import __version__
from pix2cap.evaluate.result import PanopticCaptioningResult
from pix2cap.evaluate.result_compare import Comparison, compare
from pix2cap.report.scores_examples import Example, choose_examples, pair_scores, shared_words
from pix2cap.report.scores_pictures import Crop, SegmentPictures
from pix2cap.report.scores_view import (
    LABELS,
    category_rows,
    headline,
    heat_maps,
    strongest_precision,
)
from pix2cap.report.shell import asset, csp_hash, one_script, replacing, template

MAX_RESULTS = 8
"""As many as the page has colours that can be told apart."""

_DIGEST_CHARS = 12
_FOLDERS = re.compile(r"^.*[/\\]")


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one result says of a segment; `text` is None where it matched nothing there."""

    number: int
    text: tuple[tuple[str, bool], ...] | None
    scores: tuple[tuple[str, str], ...]
    iou: str


@dataclass(frozen=True, slots=True)
class _Card:
    """One example as the template has it."""

    example: Example
    class_name: str
    file_name: str
    crop: Crop | None
    answers: tuple[_Answer, ...]


def report_scores(
    results: Sequence[tuple[str, PanopticCaptioningResult]],
    out: str | Path,
    *,
    images: str | Path | None = None,
    gt: str | Path | None = None,
    gt_masks: str | Path | None = None,
    title: str | None = None,
    examples: int = 12,
    samples: int = 1000,
) -> Path:
    """Show results in one self-contained HTML page.

    Scores with intervals, differences from the first result (paired bootstrap over images where the results
    hold counts by image), categories, the mAP grid, the best and the worst captions with their pictures,
    warnings and provenance. The same arguments give the same bytes.

    Args:
        results: `(name, result)`; the first is the baseline that others are compared with.
        out: The page to write; replaced when the new one is complete.
        images: Folder of the pictures. Without `gt` they are found by their ids and shown whole.
        gt: The ground truth that was scored (JSON or dataset folder): its shapes light up segments.
        gt_masks: Folder or zip of its masks, where they do not lie beside it.
        title: Heading.
        examples: Most captions of each kind.
        samples: Of the bootstrap.

    Returns:
        `out`.

    Raises:
        ValueError: No result, or more than `MAX_RESULTS`.
        InputError: `images` or `gt` is missing or damaged.
        StorageFull: The disk took no more.

    Example:
        report_scores([("describe", PanopticCaptioningResult.read("scores.json"))], "scores.html")
    """
    if not 1 <= len(results) <= MAX_RESULTS:
        raise ValueError(f"expected 1 to {MAX_RESULTS} results, got {len(results)}")
    names = [name for name, _ in results]
    scored = [result for _, result in results]
    comparisons = [compare(scored[0], other, samples=samples) for other in scored[1:]]
    pictures = SegmentPictures(_path(images), _path(gt), _path(gt_masks))
    chosen = choose_examples(scored, count=examples)
    cards = {
        kind: [_card(example, scored, pictures) for example in getattr(chosen, kind)]
        for kind in ("worst", "best", "apart")
    }
    page = {
        "title": title or _title(names),
        "names": names,
        "results": scored,
        "headline": headline(scored, names, comparisons),
        "paired": _paired(names, comparisons),
        "metric": LABELS[chosen.metric][0] if chosen.metric else None,
        "categories": [
            (kind, category_rows(scored, names, chosen.metric, things=things))
            for kind, things in (("Things", True), ("Stuff", False))
        ],
        "heat_maps": [heat_maps(result, strongest_precision(scored)) for result in scored],
        "cards": cards,
        "silent": [(name, n) for name, n in zip(names, chosen.silent, strict=True) if n],
        "has_pairs": any(result.pairs for result in scored),
        "pictures": pictures,
        "facts": [list(_facts(result)) for result in scored],
        "version": __version__,
        **_style_and_script(),
    }
    target = Path(out)
    with replacing(target) as file:
        file.writelines(template("scores.html.j2").generate(page))
    return target


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def _title(names: Sequence[str]) -> str:
    return f"Scores of {names[0]}" if len(names) == 1 else " against ".join(names[:2]) + _more(len(names) - 2)


def _more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""


def _style_and_script() -> dict[str, object]:
    script, style = one_script("page_tabs.js", "scores.js"), asset("report.css") + asset("scores.css")
    return {
        "script": Markup(script),
        "style": Markup(style),
        "script_hash": csp_hash(script),
        "style_hash": csp_hash(style),
    }


def _paired(names: Sequence[str], comparisons: Sequence[Comparison]) -> list[str]:
    """How the differences were made, one sentence a kind."""
    if not comparisons:
        return []
    obstacles: dict[str, list[str]] = {}
    for name, comparison in zip(names[1:], comparisons, strict=True):
        if comparison.obstacle is not None:
            obstacles.setdefault(comparison.obstacle, []).append(name)
    told = []
    if len(obstacles) == 0 or any(c.obstacle is None for c in comparisons):
        told.append(
            f"Differences are from {names[0]}. Their intervals come from a paired bootstrap: both results are"
            " drawn on the same images. An arrow marks an interval without 0; scores that counts by"
            " image and pairs do not determine (BLEU, METEOR, mAP) have a difference without interval."
        )
    for obstacle, whose in obstacles.items():
        told.append(
            f"No paired bootstrap of {', '.join(whose)} with {names[0]}: {obstacle}."
            " Compare the intervals themselves."
        )
    return told


def _card(example: Example, results: Sequence[PanopticCaptioningResult], pictures: SegmentPictures) -> _Card:
    category = next((r.per_category.get(example.category_id) for r in results), None)
    answers = []
    for number, pair in enumerate(example.answers):
        if pair is None:
            answers.append(_Answer(number, None, (), ""))
            continue
        words = tuple(shared_words(pair.pred_caption, example.gt_caption))
        answers.append(_Answer(number, words, tuple(pair_scores(pair, LABELS)), f"{100 * pair.iou:.0f}"))
    return _Card(
        example,
        category.name if category else f"category {example.category_id}",
        pictures.file_name(example.image_id) or f"image {example.image_id}",
        pictures.crop(example.image_id, example.segment_id) if pictures.has_any else None,
        tuple(answers),
    )


def _facts(result: PanopticCaptioningResult) -> Iterator[tuple[str, str, str]]:
    """Label, short text and whole text of the provenance."""
    yield "mode", result.mode, result.mode
    made = result.provenance
    if made is None:
        yield "provenance", "not recorded", "the result was stored without it"
        return
    for role, file in made.inputs.items():
        whole = f"{file.name} sha256 {file.sha256}"
        yield role.replace("_", " "), f"{file.name} {file.sha256[:_DIGEST_CHARS]}…", whole
    if made.created_at:
        when = made.created_at.replace("T", " ").replace("+00:00", " UTC")
        yield "created", when, when
    if made.seed is not None:
        yield "seed", str(made.seed), str(made.seed)
    for name, value in made.arguments.items():
        if name in ("mode", "seed"):
            continue
        # Another machine's folders say nothing to a reader and may say too much.
        text = ", ".join(value) if isinstance(value, list) else "none" if value is None else str(value)
        yield name.replace("_", " "), _FOLDERS.sub("", text), _FOLDERS.sub("", text)
    versions = {"pix2cap": made.pix2cap, "Python": made.python, **made.libraries}
    software = ", ".join(f"{name} {version}" for name, version in versions.items())
    yield "software", software, software
