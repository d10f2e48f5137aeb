"""What a judge found: a score a caption, the queue for people, findings, counts and spend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from pix2cap import __version__
from pix2cap.dataset.judge_claims import Axis, Claim, Ruling
from pix2cap.errors import InputError
from pix2cap.evaluate.result_files import plain, write_json

RESULT_NAME: Final = "judge.json"
FINDINGS_NAME: Final = "findings.json"
CHECK_NAME: Final = "judge"
"""What findings of a judge call their check."""

WRONG_OBJECT: Final = 0.25
"""A caption about something else is wrong however right its details are: its score is at most this."""

_WORTH: Final = {Ruling.YES: 1.0, Ruling.CANNOT_TELL: 0.5, Ruling.NO: 0.0}
_CONFIDENCE: Final = {Axis.OBJECT: 0.9, Axis.PLACE: 0.8, Axis.ATTRIBUTES: 0.7, Axis.RELATIONS: 0.65}
"""An order for people to read in, the worst kind of mistake first, and no probability: what a judge is worth,
`dataset agreement` measures against people."""
_EACH_FURTHER: Final = 0.03
_MOST_CONFIDENT: Final = 0.97
_MOST_TOLD: Final = 3


@dataclass(frozen=True, slots=True)
class JudgedCaption:
    """One caption with its claims.

    Args:
        image_id: The picture.
        segment_id: The segment.
        caption: As it was judged.
        claims: What it says, with a verdict each; at least one is about the object.
    """

    image_id: int
    segment_id: int
    caption: str
    claims: tuple[Claim, ...]

    @property
    def score(self) -> float:
        """0..1: the mean over claims (yes 1, cannot tell 0.5, no 0), a quarter of it for a wrong object."""
        mean = sum(_WORTH[claim.verdict] for claim in self.claims) / len(self.claims)
        return round(mean * (WRONG_OBJECT if self.axes.get(Axis.OBJECT) is Ruling.NO else 1.0), 4)

    @property
    def axes(self) -> dict[Axis, Ruling]:
        """Axis to verdict, for axes that the caption speaks of: one wrong claim makes the axis wrong."""
        said: dict[Axis, Ruling] = {}
        for claim in self.claims:
            known = said.get(claim.kind, Ruling.YES)
            said[claim.kind] = min(known, claim.verdict, key=lambda ruling: _WORTH[ruling])
        return said

    @property
    def wrong(self) -> tuple[Claim, ...]:
        """Claims that are not so, the gravest first."""
        found = (claim for claim in self.claims if claim.verdict is Ruling.NO)
        return tuple(sorted(found, key=lambda claim: -_CONFIDENCE[claim.kind]))

    @property
    def confidence(self) -> float:
        """How sure it is that something is wrong, as an order for lists; 0 where nothing is."""
        wrong = self.wrong
        if not wrong:
            return 0.0
        sure = _CONFIDENCE[wrong[0].kind] + _EACH_FURTHER * (len(wrong) - 1)
        return round(min(_MOST_CONFIDENT, sure), 3)

    @property
    def reason(self) -> str:
        """What is wrong or open, in words; "" where all is well."""
        wrong = self.wrong
        if wrong:
            more = f"; and {len(wrong) - _MOST_TOLD} more" if len(wrong) > _MOST_TOLD else ""
            return "; ".join(_told(claim) for claim in wrong[:_MOST_TOLD]) + more
        unsure = [claim for claim in self.claims if claim.verdict is Ruling.CANNOT_TELL]
        if not unsure:
            return ""
        named = ", ".join(f'"{claim.claim}"' for claim in unsure[:_MOST_TOLD])
        return f"cannot tell: {named}" + (" and more" if len(unsure) > _MOST_TOLD else "")


def _told(claim: Claim) -> str:
    return f'{claim.kind}: "{claim.claim}" is not so: {claim.reason}'


@dataclass(frozen=True, slots=True)
class Spend:
    """What a judge has cost over all sessions of its folder.

    Args:
        requests: Replies in the journal.
        input_tokens: As the provider counted them.
        output_tokens: Likewise.
        cost_usd: None where the price is unknown.
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None


@dataclass(frozen=True)
class JudgeReport:
    """All that `judge.json` holds.

    Args:
        source: What was judged, by name.
        judge: Who judged.
        prompt: Name and version of the judge's words.
        prompt_sha256: Their hash.
        judged: Captions with claims, in the order of the source.
        failed: `(image_id, segment_id)` to why no reply was of use.
        pending: Captions that were not come to.
        spend: Over all sessions.
        software: Who wrote it.
    """

    source: str
    judge: str
    prompt: str
    prompt_sha256: str
    judged: tuple[JudgedCaption, ...] = ()
    failed: Mapping[tuple[int, int], str] = field(default_factory=dict)
    pending: int = 0
    spend: Spend = field(default_factory=Spend)
    software: str = f"pix2cap {__version__}"

    @property
    def is_clean(self) -> bool:
        """True where every caption was judged and nothing in any of them is wrong."""
        return not (self.failed or self.pending or any(one.wrong for one in self.judged))

    def findings(self) -> list[dict[str, Any]]:
        """Rows as `dataset check` prints them, worst first: captions of which something is not so."""
        wrong = sorted(
            (one for one in self.judged if one.wrong),
            key=lambda one: (-one.confidence, one.score, one.image_id, one.segment_id),
        )
        return [
            {
                "image_id": one.image_id,
                "segment_id": one.segment_id,
                "check": CHECK_NAME,
                "reason": one.reason,
                "confidence": one.confidence,
            }
            for one in wrong
        ]

    def queue(self) -> list[dict[str, Any]]:
        """What a person should look at, worst first: wrong, without a verdict, then not to be told."""
        wrong_or_open = [one for one in self.judged if one.score < 1]
        rows = [
            (one.score if one.wrong else 0.5 + one.score / 2, one.image_id, one.segment_id, one.reason)
            for one in wrong_or_open
        ]
        # Beside what is half wrong: nobody knows yet.
        rows += [(0.5, *key, f"no verdict: {reason}") for key, reason in self.failed.items()]
        return [
            {"image_id": image_id, "segment_id": segment_id, "score": round(score, 4), "reason": reason}
            for score, image_id, segment_id, reason in sorted(rows)
        ]

    def counts(self) -> dict[str, Any]:
        """Captions and claims by what became of them."""
        claims: dict[str, Counter[str]] = {str(axis): Counter() for axis in Axis}
        for one in self.judged:
            for claim in one.claims:
                claims[claim.kind][claim.verdict] += 1
        return {
            "captions": len(self.judged) + len(self.failed) + self.pending,
            "judged": len(self.judged),
            "failed": len(self.failed),
            "pending": self.pending,
            "wrong": sum(bool(one.wrong) for one in self.judged),
            "claims": {
                axis: {str(ruling): told[ruling] for ruling in Ruling} for axis, told in claims.items()
            },
        }

    @property
    def mean_score(self) -> float | None:
        """Mean score of the captions that were judged; None for none."""
        return round(sum(o.score for o in self.judged) / len(self.judged), 4) if self.judged else None

    def to_json(self) -> dict[str, Any]:
        """The whole file."""
        record: dict[str, Any] = {
            "software": self.software,
            "source": self.source,
            "judge": {"model": self.judge, "prompt": self.prompt, "prompt_sha256": self.prompt_sha256},
            "counts": self.counts(),
            "mean_score": self.mean_score,
            "spend": self.spend,
            "queue": self.queue(),
            "findings": self.findings(),
            "failed": [
                {"image_id": image_id, "segment_id": segment_id, "reason": reason}
                for (image_id, segment_id), reason in sorted(self.failed.items())
            ],
            "captions": [
                {
                    "image_id": one.image_id,
                    "segment_id": one.segment_id,
                    "caption": one.caption,
                    "score": one.score,
                    "claims": [claim_row(claim) for claim in one.claims],
                }
                for one in self.judged
            ],
        }
        whole: dict[str, Any] = plain(record)
        return whole

    def write(self, path: Path) -> Path:
        """Write the file; an earlier one is replaced when the new one is complete.

        Raises:
            StorageFull: The disk took no more.
        """
        return write_json(self.to_json(), path)

    @classmethod
    def read(cls, path: Path) -> JudgeReport:
        """Read a file that `write` wrote.

        Args:
            path: `judge.json`, or the folder that holds it.

        Raises:
            InputError: It is missing, or something else.
        """
        file = path / RESULT_NAME if path.is_dir() else path
        try:
            record = orjson.loads(file.read_bytes())
            return cls(
                source=str(record["source"]),
                judge=str(record["judge"]["model"]),
                prompt=str(record["judge"]["prompt"]),
                prompt_sha256=str(record["judge"]["prompt_sha256"]),
                judged=tuple(_read_judged(row) for row in record["captions"]),
                failed={
                    (int(row["image_id"]), int(row["segment_id"])): str(row["reason"])
                    for row in record["failed"]
                },
                pending=int(record["counts"]["pending"]),
                spend=Spend(**record["spend"]),
                software=str(record["software"]),
            )
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{file}: expected the {RESULT_NAME} that `pix2cap dataset check --judge` writes, got"
                f" {type(error).__name__}: {error}"
            ) from error


def claim_row(claim: Claim) -> dict[str, str]:
    """A claim with the keys `kind claim verdict reason`."""
    return {
        "kind": str(claim.kind),
        "claim": claim.claim,
        "verdict": str(claim.verdict),
        "reason": claim.reason,
    }


def _read_judged(row: Mapping[str, Any]) -> JudgedCaption:
    claims = tuple(_read_claims(row["claims"]))
    if not claims:
        raise ValueError(f"no claims for segment {row['segment_id']}")
    return JudgedCaption(int(row["image_id"]), int(row["segment_id"]), str(row["caption"]), claims)


def _read_claims(rows: Any) -> Iterator[Claim]:
    for row in rows:
        yield Claim(Axis(row["kind"]), str(row["claim"]), Ruling(row["verdict"]), str(row["reason"]))
