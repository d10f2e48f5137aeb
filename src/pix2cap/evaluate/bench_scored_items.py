"""Benches of questions as a comparison sees them: each item has a grade, and groups of items have means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pix2cap.errors import InputError
from pix2cap.evaluate.bench_facts import argument_of, digest_of, facts_of, files_of
from pix2cap.evaluate.dlcbench_result import DLCResult
from pix2cap.evaluate.paired import Item, Metric, Scored, mean_of
from pix2cap.evaluate.vipbench_result import ViPBenchItemResult, ViPBenchResult


def read_vipbench(record: Mapping[str, Any], where: str) -> Scored:
    """From a parsed JSON.

    Raises:
        InputError: It is no result of ViP-Bench, or one without its items.
    """
    return of_vipbench(ViPBenchResult.from_json(record, where=where), where=where)


def of_vipbench(result: ViPBenchResult, *, where: str = "result") -> Scored:
    """ViP-Bench: units and items are questions.

    Raises:
        InputError: The result was stored without its items.
    """
    if not result.items:
        raise InputError(f"{where}: expected every item, got a result without")
    units = sorted(item.item_id for item in result.items)
    questions = sorted((item.item_id, item.question, item.reference) for item in result.items)
    identity = {
        "prompts": result.prompts,
        "judge": result.judge,
        "rubric": argument_of(result.provenance, "rubric"),
        "items": str(len(units)),
        **files_of(result.provenance, ("meta", "questions")),
        "questions": digest_of(questions),
    }
    items = {
        item.item_id: Item(
            item.item_id,
            f"{item.item_id} ({', '.join(item.capabilities)})",
            (item.reference,),
            item.prediction,
            {"grade": item.scores["total"]} if "total" in item.scores else {},
            item.question,
        )
        for item in result.items
    }
    return Scored(
        "vipbench",
        f"ViP-Bench, {result.prompts}",
        identity,
        units,
        _metrics(result, units),
        items,
        ("grade",),
        (("answered by", result.model), ("judged by", result.judge), *facts_of(result.provenance)),
        result.warnings,
        "questions",
    )


def _metrics(result: ViPBenchResult, units: list[str]) -> dict[str, Metric]:
    place = {item_id: number for number, item_id in enumerate(units)}
    graded = [(item, set(item.capabilities)) for item in result.items if "total" in item.scores]

    def metric(label: str, value: float | None, some: list[ViPBenchItemResult]) -> Metric:
        rows = np.array([place[item.item_id] for item in some], np.int64)
        scores = np.array([100 * item.scores["total"] for item in some])
        weights = np.array([item.weight for item in some])
        resample = mean_of(scores, rows, len(units), weights) if some else None
        return Metric(label, value, resample, "nothing is graded", factor=1.0)

    found = {"total": metric("total", result.total.score, [item for item, _ in graded])}
    for group in result.capabilities:
        some = [item for item, has in graded if has >= set(group.capabilities)]
        found[group.name] = metric(group.name, group.score, some)
    for group in result.combinations:
        label = f"{group.name} alone" if len(group.capabilities) == 1 else " + ".join(group.capabilities)
        some = [item for item, has in graded if has == set(group.capabilities)]
        found[f"only.{group.name}"] = metric(label, group.score, some)
    return found


def read_dlc(record: Mapping[str, Any], where: str) -> Scored:
    """From a parsed JSON.

    Raises:
        InputError: It is no result of DLC-Bench, or one without its regions.
    """
    return of_dlc(DLCResult.from_json(record, where=where), where=where)


def of_dlc(result: DLCResult, *, where: str = "result") -> Scored:
    """DLC-Bench: units and items are regions.

    Raises:
        InputError: The result was stored without its regions.
    """
    if not result.items:
        raise InputError(f"{where}: expected every region, got a result without")
    units = sorted(item.region_id for item in result.items)
    place = {region_id: number for number, region_id in enumerate(units)}

    def metric(label: str, value: float | None, name: str) -> Metric:
        some = [item for item in result.items if name in item.scores]
        rows = np.array([place[item.region_id] for item in some], np.int64)
        scores = np.array([item.scores[name] for item in some])
        weights = np.array([item.weight for item in some])
        resample = mean_of(scores, rows, len(units), weights) if some else None
        return Metric(label, value, resample, "nothing is judged", 1.0, 3, 1.0)

    asked = sorted((i.region_id, [(q.kind, q.question) for q in i.questions]) for i in result.items)
    identity = {
        "judge": result.judge,
        "rubric": argument_of(result.provenance, "rubric"),
        "regions": str(len(units)),
        "questions": digest_of(asked),
    }
    metrics = {
        "score": metric("score", result.score, "mean"),
        "avg_pos": metric("positive", result.avg_pos, "positive"),
        "avg_neg": metric("negative", result.avg_neg, "negative"),
    }
    items = {
        item.region_id: Item(
            item.region_id,
            f"region {item.region_id}",
            (),
            item.description,
            {name: item.scores[name] for name in ("mean", "positive", "negative") if name in item.scores},
        )
        for item in result.items
    }
    facts = (("described by", result.model), ("judged by", result.judge), *facts_of(result.provenance))
    return Scored(
        "dlc", "DLC-Bench", identity, units, metrics, items, ("mean",), facts, result.warnings, "regions"
    )
