"""ViP-Bench: questions about marked regions, answered by a model or a file, graded by a judge."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pix2cap.annotate.asker import PricedModel
from pix2cap.annotate.bounds import require_range
from pix2cap.annotate.job import model_label
from pix2cap.annotate.out_folder import make_out_folder
from pix2cap.errors import InputError, UsageError
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
from pix2cap.evaluate.judge import UnreadableError, Verdict, exact_grade, read_grade, rubric_hash
from pix2cap.evaluate.result_files import write_json
from pix2cap.evaluate.result_provenance import collect_provenance
from pix2cap.evaluate.vipbench_aggregate import aggregate
from pix2cap.evaluate.vipbench_files import (
    DRAWN_IN,
    ID_PREFIX,
    Prompts,
    ViPBenchItem,
    ViPBenchPaths,
    find_files,
    read_grades,
    read_items,
)
from pix2cap.evaluate.vipbench_questions import ItemView, grade_question, words_hash
from pix2cap.evaluate.vipbench_result import Status, ViPBenchItemResult, ViPBenchResult
from pix2cap.vlm.model import Sampling

PAPER_RUNS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ViPBenchJob:
    """What to bench.

    Args:
        prompts: How regions are shown: `bbox` and `human` as published, `marks` drawn by us, `boxes` as
            coordinates in the question.
        answerer: Who answers; None where `predictions` has the answers.
        predictions: Answers `{id: text}`, or rows `question_id` and `text`.
        judge: Who grades; None for the local exact-match judge.
        runs: Times that every answer is graded; None for 5, and 1 of the exact judge.
        questions: The question file, where it is not in its place.
        images: The folder of pictures, where it is not in its place.
        limit: Only the first so many items.
        allow_missing: Grade items without an answer in `predictions` as 0 instead of refusing the file.
        answer_sampling: Of the answerer.
        judge_sampling: Of the judge.
    """

    prompts: Prompts = "bbox"
    answerer: PricedModel | None = None
    predictions: Path | None = None
    judge: PricedModel | None = None
    runs: int | None = None
    questions: Path | None = None
    images: Path | None = None
    limit: int | None = None
    allow_missing: bool = False
    answer_sampling: Sampling = field(default=Sampling(max_tokens=1024))
    judge_sampling: Sampling = field(default=Sampling(max_tokens=256))

    def __post_init__(self) -> None:
        """Refuse what no bench could work with."""
        require_range("--runs", self.runs, least=1)
        require_range("--limit", self.limit, least=1)
        if (self.answerer is None) == (self.predictions is None):
            raise UsageError("expected either --model or --predictions (or --grades alone)")
        if self.answerer is not None and not self.answerer.model.reads_pictures and self.prompts in DRAWN_IN:
            raise UsageError(
                f"{self.answerer.model.name} reads no pictures and cannot see prompts that are drawn in: give"
                " --prompts marks or --prompts boxes"
            )

    @property
    def run_count(self) -> int:
        """Times that every answer is graded."""
        return self.runs or (1 if self.judge is None else PAPER_RUNS)


@dataclass
class _State:
    """What is known of the items so far."""

    items: tuple[ViPBenchItem, ...]
    asked: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    grades: dict[str, list[float | None]] = field(default_factory=dict)
    verdicts: dict[str, dict[int, Verdict[float]]] = field(default_factory=dict)

    def worded(self, item: ViPBenchItem) -> str:
        """The question as it was put."""
        return self.asked.get(item.item_id, item.question)


def run_vipbench(
    data: Path, job: ViPBenchJob, *, out: Path | None = None, options: BenchOptions | None = None
) -> ViPBenchResult:
    """Answer and grade ViP-Bench, or go on where an earlier session stopped.

    Args:
        data: The published folder, or its meta data JSON.
        job: Who answers and who grades.
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
    paths = find_files(data, job.prompts, questions=job.questions, images=job.images)
    listed = read_items(paths, job.prompts)
    state = _State(listed[: job.limit])
    steps = _steps(job, paths)
    require_prices(steps.values(), opts)
    views = _views(job, paths, state) if job.answerer is not None else {}
    if out is not None and not opts.rescore:
        make_out_folder(out)
    if job.predictions is not None:
        _take_predictions(job, paths, state)
    else:
        _answer(steps, folder, opts, views, state)
    _grade(job, steps, folder, opts, state)
    costs = [spent_usd(step, folder) for step in steps.values()]
    result = _result(job, paths, state, None if None in costs else sum(c or 0.0 for c in costs), len(listed))
    if out is not None:
        result.write(out / "result.json")
        write_json(state.answers, out / "answers.json")
        write_json(_released_grades(job, state), out / "grades.json")
    return result


def score_grades(
    data: Path, grades: Path, *, runs: int | None = None, prompts: Prompts = "bbox"
) -> ViPBenchResult:
    """Aggregate recorded grades; nobody is asked.

    Args:
        data: The published folder, or its meta data JSON.
        grades: `{id: {"score": [...]}}`, as the released evaluation and `run_vipbench` write them.
        runs: Only the first so many runs; all by default.
        prompts: Whose grades they are, for the record.

    Raises:
        InputError: A file is damaged, or grades are missing or out of range.
        UsageError: Fewer runs are recorded than asked for.
    """
    require_range("--runs", runs, least=1)
    paths = find_files(data, prompts)
    items = read_items(dataclasses.replace(paths, questions=None), prompts)
    recorded = read_grades(grades, [item.item_id for item in items])
    kept = len(next(iter(recorded.values())))
    if runs is not None and runs > kept:
        raise UsageError(
            f"{grades}: expected --runs of at most {kept}, which is what was recorded, got {runs}"
        )
    count = runs or kept
    state = _State(items, grades={key: list(values[:count]) for key, values in recorded.items()})
    provenance = collect_provenance(
        arguments={"data": data, "grades": grades, "runs": count, "prompts": prompts},
        inputs={"meta": paths.meta, "grades": grades},
    )
    return _scored(state, count, prompts=prompts, model=grades.name, judge="recorded", provenance=provenance)


def _steps(job: ViPBenchJob, paths: ViPBenchPaths) -> dict[str, Step]:
    steps: dict[str, Step] = {}
    if job.answerer is not None:
        words = f"vipbench {job.prompts}"
        steps[ANSWERS] = Step(ANSWERS, job.answerer, paths.meta, words, words_hash(), job.answer_sampling)
    if job.judge is not None:
        source = job.predictions or paths.meta
        steps[GRADES] = Step(
            GRADES, job.judge, source, "vipbench grade v1", rubric_hash(), job.judge_sampling
        )
    return steps


def _views(job: ViPBenchJob, paths: ViPBenchPaths, state: _State) -> dict[str, ItemView]:
    views = {item.item_id: ItemView(item, job.prompts, paths) for item in state.items}
    state.asked = {item_id: view.question for item_id, view in views.items()}
    return views


def _take_predictions(job: ViPBenchJob, paths: ViPBenchPaths, state: _State) -> None:
    assert job.predictions is not None
    if job.prompts not in DRAWN_IN and paths.images is not None:
        _views(job, paths, state)  # The judge is to read the question as it was asked.
    texts = read_texts(job.predictions, prefix=ID_PREFIX)
    missing = [item.item_id for item in state.items if item.item_id not in texts]
    if missing and not job.allow_missing:
        raise InputError(
            f"{job.predictions}: expected an answer to every item, lacks {told_ids(missing)};"
            " --allow-missing grades them 0"
        )
    state.missing = tuple(missing)
    state.answers = {item.item_id: texts[item.item_id] for item in state.items if item.item_id in texts}


def _answer(
    steps: Mapping[str, Step], out: Path, options: BenchOptions, views: Mapping[str, ItemView], state: _State
) -> None:
    step = steps[ANSWERS]
    if not options.rescore:
        options.tell(who_gets_what(step, f"the pictures of {len(views)} questions"))

    async def work(shared: StepWork) -> None:
        async def one(item_id: str, view: ItemView) -> None:
            try:
                question = view.ask(with_pictures=step.model.model.reads_pictures)
                state.answers[item_id] = read_answer(await shared.asks.ask(question))
            except (UnreadableError, InputError) as error:
                state.failed[item_id] = f"no answer: {error}"

        await shared.all([one(item_id, view) for item_id, view in views.items()], len(views))

    run_step(step, out, left_for(options, steps, ANSWERS, out), work)


def _grade(
    job: ViPBenchJob, steps: Mapping[str, Step], out: Path, options: BenchOptions, state: _State
) -> None:
    for item in state.items:
        if item.item_id in state.missing or not state.answers.get(item.item_id, "-").strip():
            state.grades[item.item_id] = [0.0] * job.run_count
    due = [i for i in state.items if i.item_id in state.answers and i.item_id not in state.grades]
    if GRADES not in steps:
        for item in due:
            grade = exact_grade(item.reference, state.answers[item.item_id])
            state.grades[item.item_id] = [grade] * job.run_count
        return
    step = steps[GRADES]
    if not options.rescore:
        options.tell(who_gets_what(step, f"{len(due)} answers to grade, {job.run_count} times each"))

    async def work(shared: StepWork) -> None:
        async def one(item: ViPBenchItem, run: int) -> None:
            worded, answer = state.worded(item), state.answers[item.item_id]
            state.verdicts.setdefault(item.item_id, {})[run] = await shared.judge(
                lambda attempt, objection: grade_question(item, worded, answer, run, attempt, objection),
                read_grade,
            )

        # Run by run, so that a bench that is stopped has whole runs rather than a few items five times.
        asked = [one(item, run) for run in range(job.run_count) for item in due]
        await shared.all(asked, len(asked))

    run_step(step, out, left_for(options, steps, GRADES, out), work)
    for item_id, verdicts in state.verdicts.items():
        runs = range(job.run_count)
        state.grades[item_id] = [verdicts[run].value if run in verdicts else None for run in runs]
        bad = [f"run {run + 1}: {v.reason}" for run, v in sorted(verdicts.items()) if v.value is None]
        if bad:
            state.failed[item_id] = f"no grade: {'; '.join(bad)}"


def _result(
    job: ViPBenchJob, paths: ViPBenchPaths, state: _State, cost_usd: float | None, listed: int
) -> ViPBenchResult:
    judge = EXACT if job.judge is None else model_label(job.judge.model.name)
    model = job.predictions.name if job.predictions is not None else ""
    if job.answerer is not None:
        model = model_label(job.answerer.model.name)
    warnings = []
    if job.judge is None:
        warnings.append("the exact-match judge is for dry runs: it knows no synonyms and no contradictions")
    if len(state.items) < listed:
        warnings.append(f"the first {len(state.items)} of {listed} items only: not comparable with others")
    provenance = collect_provenance(
        arguments={
            "prompts": job.prompts,
            "model": model,
            "judge": judge,
            "runs": job.run_count,
            "limit": job.limit,
            "rubric": rubric_hash(),
            "judge_temperature": job.judge_sampling.temperature,
        },
        inputs={"meta": paths.meta, "questions": paths.questions, "predictions": job.predictions},
    )
    return _scored(
        state,
        job.run_count,
        prompts=job.prompts,
        model=model,
        judge=judge,
        warnings=tuple(warnings),
        cost_usd=cost_usd,
        provenance=provenance,
    )


def _scored(state: _State, runs: int, **known: Any) -> ViPBenchResult:
    capabilities = {item.item_id: item.capabilities for item in state.items}
    total, by_capability, by_combination = aggregate(capabilities, state.grades, runs)
    empty = [i for i, text in state.answers.items() if not text.strip()]
    return ViPBenchResult(
        runs=runs,
        total=total,
        capabilities=by_capability,
        combinations=by_combination,
        failed=dict(state.failed),
        missing=state.missing,
        empty=tuple(empty),
        items=tuple(_item_result(state, item, runs) for item in state.items),
        **known,
    )


def _item_result(state: _State, item: ViPBenchItem, runs: int) -> ViPBenchItemResult:
    grades = tuple(state.grades.get(item.item_id, [None] * runs))
    known = [grade for grade in grades if grade is not None]
    reason = state.failed.get(item.item_id)
    status: Status = "failed" if reason else "graded" if len(known) == runs else "pending"
    if item.item_id in state.missing:
        reason = "no answer in the file, worth 0"
    elif item.item_id in state.answers and not state.answers[item.item_id].strip():
        reason = "an empty answer, worth 0"
    mean = sum(known) / len(known) if known else None
    names = ("total", *item.capabilities) if mean is not None else ()
    return ViPBenchItemResult(
        item.item_id,
        item.capabilities,
        state.worded(item),
        item.reference,
        state.answers.get(item.item_id),
        status,
        grades,
        reason,
        {name: mean for name in names if mean is not None},
    )


def _released_grades(job: ViPBenchJob, state: _State) -> dict[str, Any]:
    """Grades in the released evaluation's shape; items without all of them are left out."""
    judge = EXACT if job.judge is None else model_label(job.judge.model.name)
    return {
        item_id: {
            "model": [judge] * len(grades),
            "content": [f"{g:g}" for g in grades if g is not None],
            "score": grades,
        }
        for item_id, grades in state.grades.items()
        if None not in grades
    }
