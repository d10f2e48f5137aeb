"""DLC-Bench: detailed descriptions of regions, checked by a judge against questions about each of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pix2cap.annotate.asker import PricedModel
from pix2cap.annotate.bounds import require_range
from pix2cap.annotate.job import model_label
from pix2cap.annotate.ladder import Answer
from pix2cap.annotate.out_folder import make_out_folder
from pix2cap.errors import InputError, UsageError
from pix2cap.evaluate.asking import Question, Shown
from pix2cap.evaluate.bench_files import read_texts, told_ids
from pix2cap.evaluate.bench_models import EXACT
from pix2cap.evaluate.bench_session import (
    ANSWERS,
    GRADES,
    BenchOptions,
    Step,
    StepWork,
    left_for,
    read_answer,
    require_out,
    require_prices,
    run_step,
    spent_usd,
    who_gets_what,
)
from pix2cap.evaluate.dlcbench_files import (
    DLCQuestion,
    RecordedModel,
    read_questions,
    read_recorded,
    read_views,
)
from pix2cap.evaluate.dlcbench_judge import (
    choice_prompt,
    exact_choice,
    read_choice,
    rubric_hash,
)
from pix2cap.evaluate.dlcbench_result import DLCResult
from pix2cap.evaluate.dlcbench_score import DLCState, summarise
from pix2cap.evaluate.judge import UnreadableError, Verdict
from pix2cap.evaluate.region_view import RegionView
from pix2cap.evaluate.result_files import write_json
from pix2cap.evaluate.result_provenance import collect_provenance
from pix2cap.vlm.model import Sampling

DESCRIBE = """\
The second picture is the first one with one thing outlined and numbered 1. Describe that thing alone, in
detail: what it is, its parts, colors, materials, patterns, shape, and what is written on it or happens to it.
Do not speak of the outline, the number, or of what surrounds the thing. Reply with the description only."""

_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class DLCJob:
    """What to bench.

    Args:
        answerer: Who describes; None where `predictions` has the descriptions.
        predictions: Descriptions `{region id: text}`, or rows `id` and `caption`.
        annotations: COCO instances with the regions' masks, for `answerer`.
        images: Folder of the pictures, for `answerer`.
        judge: Who judges; None for the local exact-match judge.
        class_names: `{region id: name}`, for files that have no recognition questions.
        limit: Only the first so many regions.
        allow_missing: Judge regions without a description as empty instead of refusing the file.
        answer_sampling: Of the answerer.
        judge_sampling: Of the judge.
    """

    answerer: PricedModel | None = None
    predictions: Path | None = None
    annotations: Path | None = None
    images: Path | None = None
    judge: PricedModel | None = None
    class_names: Path | None = None
    limit: int | None = None
    allow_missing: bool = False
    answer_sampling: Sampling = field(default=Sampling(max_tokens=1024))
    judge_sampling: Sampling = field(default=Sampling(max_tokens=256))

    def __post_init__(self) -> None:
        """Refuse what no bench could work with."""
        require_range("--limit", self.limit, least=1)
        if (self.answerer is None) == (self.predictions is None):
            raise UsageError("expected either --model or --predictions (or --replay alone)")
        if self.answerer is not None and (self.annotations is None or self.images is None):
            raise UsageError(
                "expected --annotations and --images with --model, so that it can be shown regions"
            )

    @property
    def model_name(self) -> str:
        """Who describes, as results name it."""
        if self.answerer is not None:
            return model_label(self.answerer.model.name)
        return "" if self.predictions is None else self.predictions.name


def run_dlcbench(
    questions: Path, job: DLCJob, *, out: Path | None = None, options: BenchOptions | None = None
) -> DLCResult:
    """Describe and judge DLC-Bench's regions, or go on where an earlier session stopped.

    Args:
        questions: `{region id: [{question, choices, type}, ...]}`.
        job: Who describes and who judges.
        out: Where journals and results are kept; not needed where nobody is asked.
        options: What may differ between sessions.

    Raises:
        InputError, UsageError: Something given is wrong; nothing was sent.
        RunLocked, RunMismatch: The folder is in use, or was begun with other settings.
        BudgetReached, StorageFull, ModelRejected, ModelUnavailable: Why it stopped early; all that was paid
            for is kept.
        KeyboardInterrupt: Interrupted and drained.
    """
    opts = options or BenchOptions()
    folder = require_out(out, needed=job.answerer is not None or job.judge is not None)
    listed = read_questions(questions, job.class_names)
    state = DLCState(dict(list(listed.items())[: job.limit]))
    steps = _steps(job, questions)
    require_prices(steps.values(), opts)
    views: Mapping[str, RegionView] = {}
    if job.annotations is not None and job.images is not None and job.answerer is not None:
        views = read_views(job.annotations, job.images, list(state.questions))
    if out is not None and not opts.rescore:
        make_out_folder(out)
    if job.predictions is not None:
        _take_predictions(job.predictions, state, allow_missing=job.allow_missing)
    else:
        _describe(steps, folder, opts, views, state)
    _judge(steps, folder, opts, state)
    costs = [spent_usd(step, folder) for step in steps.values()]
    result = _result(
        job, questions, state, None if None in costs else sum(c or 0.0 for c in costs), len(listed)
    )
    if out is not None:
        result.write(out / "result.json")
        write_json(state.descriptions, out / "answers.json")
    return result


def replay_dlcbench(path: Path) -> dict[str, DLCResult]:
    """Score recorded judgements; nobody is asked.

    Args:
        path: `{model: {items: {region id: {pred, questions, judge_responses}}}}`.

    Returns:
        A result a model. Where averages that the file states differ from ours, `warnings` says so.

    Raises:
        InputError: Another shape.
    """
    provenance = collect_provenance(arguments={"replay": path}, inputs={"replay": path})
    return {
        name: _replayed(name, record, {"provenance": provenance})
        for name, record in read_recorded(path).items()
    }


def _replayed(name: str, record: RecordedModel, known: Mapping[str, Any]) -> DLCResult:
    state = DLCState({key: region.questions for key, region in record.regions.items()})
    for key, region in record.regions.items():
        state.descriptions[key] = region.description
        for number, (question, reply) in enumerate(zip(region.questions, region.replies, strict=True)):
            verdict: Verdict[int]
            try:
                verdict = Verdict(read_choice(Answer(key, reply), question), None, ())
            except UnreadableError as error:
                verdict = Verdict(None, str(error), ())
            state.verdicts.setdefault(key, {})[number] = verdict
    result = summarise(state, model=name, judge="recorded", **known)
    differing = [
        f"the file states {key} {stored:.6f}, its judgements give {ours:.6f}"
        for key, stored in record.stored.items()
        if (ours := getattr(result, key)) is not None and abs(ours - stored) > _TOLERANCE
    ]
    if not differing:
        return result
    return summarise(state, model=name, judge="recorded", warnings=tuple(differing), **known)


def _steps(job: DLCJob, questions: Path) -> dict[str, Step]:
    steps: dict[str, Step] = {}
    if job.answerer is not None:
        words = hashlib.sha256(DESCRIBE.encode()).hexdigest()
        source = job.annotations or questions
        steps[ANSWERS] = Step(ANSWERS, job.answerer, source, "dlc describe v1", words, job.answer_sampling)
    if job.judge is not None:
        source = job.predictions or questions
        steps[GRADES] = Step(GRADES, job.judge, source, "dlc choice v1", rubric_hash(), job.judge_sampling)
    return steps


def _take_predictions(path: Path, state: DLCState, *, allow_missing: bool) -> None:
    texts = read_texts(path)
    missing = [region_id for region_id in state.questions if region_id not in texts]
    if missing and not allow_missing:
        raise InputError(
            f"{path}: expected a description of every region, lacks {told_ids(missing)};"
            " --allow-missing judges them as empty"
        )
    state.missing = tuple(missing)
    state.descriptions = {key: texts.get(key, "") for key in state.questions}


def _describe(
    steps: Mapping[str, Step],
    out: Path,
    options: BenchOptions,
    views: Mapping[str, RegionView],
    state: DLCState,
) -> None:
    step = steps[ANSWERS]
    with_pictures = step.model.model.reads_pictures
    if not options.rescore:
        options.tell(who_gets_what(step, f"the pictures of {len(views)} regions"))

    def ask(view: RegionView) -> Question:
        return Question(
            image_id=view.image_id,
            item_ids=(view.image_id,),
            prompt=DESCRIBE,
            content={"bench": "dlc", "with_pictures": with_pictures, **view.fingerprint()},
            show=lambda: view.show(marked=True, with_pictures=with_pictures),
            picture_sizes_wh=view.sent_sizes_wh(marked=True) if with_pictures else (),
            stage="answer",
        )

    async def work(shared: StepWork) -> None:
        async def one(region_id: str, view: RegionView) -> None:
            try:
                state.descriptions[region_id] = read_answer(await shared.asks.ask(ask(view)))
            except (UnreadableError, InputError) as error:
                state.failed[region_id] = f"no description: {error}"

        await shared.all([one(key, view) for key, view in views.items()], len(views))

    run_step(step, out, left_for(options, steps, ANSWERS, out), work)


def _judge(steps: Mapping[str, Step], out: Path, options: BenchOptions, state: DLCState) -> None:
    # Of nothing there is nothing to ask: an empty description gets no point.
    due = [
        (key, number, question)
        for key, questions in state.questions.items()
        for number, question in enumerate(questions)
        if state.descriptions.get(key, "").strip()
    ]
    if GRADES not in steps:
        for key, number, question in due:
            chosen = exact_choice(state.descriptions[key], question)
            state.verdicts.setdefault(key, {})[number] = Verdict(chosen, None, ())
        return
    step = steps[GRADES]
    if not options.rescore:
        options.tell(
            who_gets_what(step, f"{len(due)} questions about {len(state.descriptions)} descriptions")
        )

    async def work(shared: StepWork) -> None:
        async def one(key: str, number: int, question: DLCQuestion) -> None:
            description = state.descriptions[key]
            state.verdicts.setdefault(key, {})[number] = await shared.judge(
                lambda attempt, objection: _choice_question(
                    state.index[key], key, number, question, description, attempt, objection
                ),
                lambda answer: read_choice(answer, question),
            )

        await shared.all([one(*task) for task in due], len(due))

    run_step(step, out, left_for(options, steps, GRADES, out), work)


def _choice_question(
    index: int,
    region_id: str,
    number: int,
    question: DLCQuestion,
    description: str,
    attempt: int,
    objection: str | None,
) -> Question:
    return Question(
        image_id=index,
        item_ids=(index, number),
        prompt=choice_prompt(description, question, objection=objection),
        content={"bench": "dlc", "region": region_id, "question": number, "attempt": attempt},
        show=Shown,
        stage="grade",
    )


def _result(job: DLCJob, questions: Path, state: DLCState, cost_usd: float | None, listed: int) -> DLCResult:
    judge = EXACT if job.judge is None else model_label(job.judge.model.name)
    warnings = []
    if job.judge is None:
        warnings.append("the exact-match judge is for dry runs: it grants recognition and knows no synonyms")
    if len(state.questions) < listed:
        warnings.append(f"the first {len(state.questions)} of {listed} regions only: not comparable")
    without = [k for k, asked in state.questions.items() if all(q.kind != "recognition" for q in asked)]
    if without:
        warnings.append(
            f"{len(without)} regions have no recognition question, so that a description of something else"
            " can earn points; --class-names makes one"
        )
    inputs = {
        "questions": questions,
        "predictions": job.predictions,
        "annotations": job.annotations,
        "class_names": job.class_names,
    }
    arguments: dict[str, object] = {
        "model": job.model_name,
        "judge": judge,
        "limit": job.limit,
        "rubric": rubric_hash(),
        "judge_temperature": job.judge_sampling.temperature,
    }
    return summarise(
        state,
        model=job.model_name,
        judge=judge,
        warnings=tuple(warnings),
        cost_usd=cost_usd,
        provenance=collect_provenance(arguments=arguments, inputs=inputs),
    )
