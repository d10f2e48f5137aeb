"""What all routes share: the collection, its index, its pictures, and who decides."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field, replace

from pix2cap.annotate.decisions import DecisionLog
from pix2cap.annotate.sample import Sample, read_sample, sample_names
from pix2cap.errors import UsageError
from pix2cap.web.collection import Collection, ReviewedImage
from pix2cap.web.index import ReviewIndex
from pix2cap.web.open_collection import Findings, open_collection, read_findings
from pix2cap.web.pictures import Pictures
from pix2cap.web.run_collection import RunCollection
from pix2cap.web.security import AccessRules, is_loopback
from pix2cap.web.settings import ReviewSettings


@dataclass
class Site:
    """One served collection.

    Args:
        settings: What the server was started with.
        collection: What is reviewed.
        index: Its segments.
        pictures: Its pixels.
        findings: What `dataset check` found in it.
        rules: What requests must bring.
    """

    settings: ReviewSettings
    collection: Collection
    index: ReviewIndex
    pictures: Pictures
    findings: Findings
    rules: AccessRules
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _samples: dict[str, Sample] = field(default_factory=dict)

    @classmethod
    def open(cls, settings: ReviewSettings) -> Site:
        """Open the collection and fill the index.

        Raises:
            InputError, UsageError: The target or the findings cannot be read.
        """
        findings = read_findings(settings.findings)
        collection = open_collection(settings)
        try:
            if settings.task == "verify":
                settings = replace(settings, sample=_sample_to_verify(settings, collection).name)
            index = ReviewIndex(language=collection.language, findings=findings)
            # Marked as seen before it is read: what is written meanwhile is then read twice, never missed.
            collection.changed()
            index.put(collection.images())
        except BaseException:
            collection.close()
            raise
        return cls(settings, collection, index, Pictures(collection), findings, _rules(settings))

    def close(self) -> None:
        """Release the files."""
        self.collection.close()
        self.index.close()

    def refresh(self) -> None:
        """Take in what was decided or captioned since the last look, by whomever."""
        with self._lock:
            changed = self.collection.changed()
            if changed:
                self.index.put(self.collection.images(changed))

    def image(self, image_id: int) -> ReviewedImage:
        """One image as it stands.

        Raises:
            KeyError: No such image.
        """
        found = next(iter(self.collection.images([image_id])), None)
        if found is None:
            raise KeyError(image_id)
        return found

    @property
    def sample(self) -> str | None:
        """The sample that pages offer to verify: the one named, else the run's last by name."""
        if self.settings.sample is not None or not isinstance(self.collection, RunCollection):
            return self.settings.sample
        return next(reversed(sample_names(self.settings.target)), None)

    @property
    def verdict_log(self) -> DecisionLog:
        """Where verdicts go.

        Raises:
            UsageError: A dataset keeps none.
        """
        if not isinstance(self.collection, RunCollection):
            raise UsageError(f"{self.collection.name}: expected a run with a sample, got a dataset")
        return self.collection.log

    def read_sample(self, name: str) -> Sample:
        """A frozen sample, read from its file once.

        Raises:
            UsageError: No such sample.
            InputError: It was changed since it was drawn.
        """
        if name not in self._samples:
            self._samples[name] = read_sample(self.settings.target, name)
        return self._samples[name]


def _sample_to_verify(settings: ReviewSettings, collection: Collection) -> Sample:
    if not isinstance(collection, RunCollection):
        raise UsageError(
            f"{settings.target}: expected a run for --task verify, since verdicts go into its journal, got"
            " a dataset; name the run"
        )
    return read_sample(settings.target, settings.sample)


def _rules(settings: ReviewSettings) -> AccessRules:
    wide = not is_loopback(settings.host)
    access = settings.access_token or (secrets.token_urlsafe(24) if wide else None)
    cookie = f"pix2cap-access-{settings.port}"
    return AccessRules(settings.host, secrets.token_urlsafe(32), access, cookie)
