"""The pipeline's public functions: what `pix2cap annotate ...` calls and a notebook can call too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from pix2cap.annotate.asker import PricedModel
from pix2cap.annotate.bounds import require_language, require_range
from pix2cap.annotate.drive import open_priced, require_drive
from pix2cap.annotate.image_work import Progress, RunOptions
from pix2cap.annotate.planner import Plan, plan_source
from pix2cap.annotate.previewer import Preview, preview_image
from pix2cap.annotate.prompt import PromptTemplate, load_prompt
from pix2cap.annotate.run import run_annotation
from pix2cap.annotate.scope import images_in_scope
from pix2cap.annotate.settings import AnnotateSettings, RunConfig, SourcePaths
from pix2cap.annotate.status import RunStatus
from pix2cap.errors import UsageError
from pix2cap.formats.file_source import FileSource
from pix2cap.formats.open_source import open_source

PathLike = str | Path


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """What to annotate with.

    Args:
        images: Folder of the pictures.
        masks: Folder or zip of the mask PNGs.
        model: describe, replay:FILE, openai:MODEL or pydantic-ai:PROVIDER:MODEL.
        strong_model: Asked last about segments on which every other attempt failed.
        base_url: Endpoint of an OpenAI-compatible server (vLLM, SGLang, Ollama, OpenRouter, ...).
        prompt: Your own prompt file in place of the packaged one.
        language: Language of the captions, as ISO 639-1 code.
        max_marks: Most marks in one picture; more segments make more requests.
        temperature: Sampling temperature.
        max_tokens: Longest reply in tokens.
        seed: Sampling seed, where the endpoint heeds one.
        price_in: USD per million input tokens, where the price list does not know the model.
        price_out: USD per million output tokens.
        concurrency: Images and requests worked on at a time.
        requests_per_minute: Rate limit of the endpoint.
        tokens_per_minute: Rate limit of the endpoint.
        timeout: Seconds to wait for one reply.
        max_tries: Times one request is sent when the endpoint fails in passing (429, 5xx, reset).

    Raises:
        UsageError: A number is out of its range, or settings contradict each other.
    """

    images: PathLike | None = None
    masks: PathLike | None = None
    model: str = "describe"
    strong_model: str | None = None
    base_url: str | None = None
    prompt: PathLike | None = None
    language: str = "en"
    max_marks: int = 12
    temperature: float | None = 0.0
    max_tokens: int = 2048
    seed: int | None = None
    price_in: float | None = None
    price_out: float | None = None
    concurrency: int = 16
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    timeout: float = 120.0
    max_tries: int = 6

    def __post_init__(self) -> None:
        """Refuse what no run could work with, before anything is opened or sent."""
        require_range("--max-marks", self.max_marks, least=1)
        require_range("--max-tokens", self.max_tokens, least=1)
        require_range("--temperature", self.temperature, least=0, most=2)
        require_drive(self)
        require_language(self.language)
        if "describe" in (self.model, self.strong_model) and self.language.split("-")[0].lower() != "en":
            raise UsageError(
                f"expected --language en with describe, which writes English only, got {self.language!r};"
                " name another model with --model"
            )
        if self.strong_model is not None and model_label(self.strong_model) == model_label(self.model):
            raise UsageError(f"expected --strong-model to differ from --model, got {self.model!r} for both")

    def open_source(self, source: PathLike) -> FileSource:
        """Open the images and masks.

        Raises:
            InputError: They are not what they should be.
            UsageError: Nobody said where the pictures are, or there is nothing at the place named.
        """
        for flag, path in (("--images", self.images), ("--masks", self.masks)):
            if path is not None and not Path(path).exists():
                raise UsageError(f"expected a folder with {flag}, found nothing at {path}")
        opened = open_source(Path(source), masks=_path(self.masks), images=_path(self.images))
        if opened.pictures is None:
            raise UsageError(f"{source}: expected to know the folder of the pictures; name it with --images")
        return opened

    def load_prompt(self) -> PromptTemplate:
        """The packaged prompt or the user's own.

        Raises:
            UsageError: The file is missing or names no rows.
        """
        return load_prompt(_path(self.prompt))

    def config(self, source: PathLike) -> RunConfig:
        """What `run.toml` remembers of these options."""
        template = self.load_prompt()
        settings = AnnotateSettings(
            model=model_label(self.model),
            strong_model=None if self.strong_model is None else model_label(self.strong_model),
            language=self.language,
            max_marks=self.max_marks,
            prompt=f"{template.name} v{template.version}",
            prompt_sha256=template.sha256,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            seed=self.seed,
        )
        return RunConfig(SourcePaths(Path(source), _path(self.masks), _path(self.images)), settings)

    def open_models(self) -> dict[str, PricedModel]:
        """The models named, with their prices, by label.

        Raises:
            UsageError: A name is of no known form, or a key is missing.
        """
        specs = [spec for spec in (self.model, self.strong_model) if spec is not None]
        return {model_label(spec): self._open(spec) for spec in specs}

    def _open(self, name: str) -> PricedModel:
        return open_priced(
            name, self, base_url=self.base_url, price_in=self.price_in, price_out=self.price_out
        )


def model_label(spec: str) -> str:
    """A model's name for records: of a replayed file only its name, since no record holds a home path.

    Example:
        >>> model_label("replay:/home/ann/captions.json"), model_label("openai:gpt-4o")
        ('replay:captions.json', 'openai:gpt-4o')
    """
    form, _, rest = spec.partition(":")
    return f"replay:{Path(rest).name}" if form == "replay" else spec


def annotate(
    source: PathLike,
    out: PathLike,
    options: JobOptions | None = None,
    *,
    max_cost_usd: float | None = None,
    limit: int | None = None,
    image_ids: Collection[int] | None = None,
    retry_failed: bool = False,
    on_start: Callable[[str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    handle_signals: bool = False,
) -> RunStatus:
    """Caption every segment of a source into a run folder; call it again to go on where it stopped.

    Args:
        source: COCO panoptic or instances JSON, a folder of id-maps, or a dataset folder.
        out: The run folder.
        options: Model, prompt, limits.
        max_cost_usd: Most to spend on this run in all.
        limit: Only the first so many images.
        image_ids: Only these images.
        retry_failed: Ask again about segments that failed in an earlier session.
        on_start: Told, before the first picture leaves the machine, which host gets how many; later only
            that an interrupt was heard.
        on_progress: Told after every image.
        handle_signals: Drain on SIGINT and SIGTERM instead of dying.

    Returns:
        What became of every segment.

    Raises:
        InputError, UsageError: Something given is wrong; nothing was sent.
        BudgetReached: `max_cost_usd` is used up.
        ModelUnavailable, ModelRejected: The endpoint is down or says no.

    Example:
        >>> annotate("panoptic_val.json", "run", JobOptions(images="val2017"))  # doctest: +SKIP
    """
    opts = options or JobOptions()
    opened = opts.open_source(source)
    models = opts.open_models()
    run_options = RunOptions(
        concurrency=opts.concurrency,
        max_cost_usd=max_cost_usd,
        limit=limit,
        image_ids=image_ids,
        retry_failed=retry_failed,
        say=on_start,
        on_progress=on_progress,
        handle_signals=handle_signals,
    )
    return run_annotation(
        opened,
        models,
        Path(out),
        config=opts.config(source),
        template=opts.load_prompt(),
        options=run_options,
    )


def plan(
    source: PathLike,
    options: JobOptions | None = None,
    *,
    limit: int | None = None,
    image_ids: Collection[int] | None = None,
) -> Plan:
    """Count images, segments, requests, tokens and cost before anything is sent.

    Raises:
        InputError, UsageError: Something given is wrong.
    """
    opts = options or JobOptions()
    opened, models = opts.open_source(source), opts.open_models()
    try:
        return plan_source(
            opened,
            models[model_label(opts.model)],
            settings=opts.config(source).settings,
            template=opts.load_prompt(),
            image_ids=[i for _, i in images_in_scope(opened, limit=limit, image_ids=image_ids)],
        )
    finally:
        _close(models.values())


def preview(source: PathLike, image_id: int, out: PathLike, options: JobOptions | None = None) -> Preview:
    """Write the pictures, prompt and price of one image's requests into a folder; nothing is sent.

    Raises:
        InputError, UsageError: Something given is wrong.
        ImageRefused: The image cannot be used.
    """
    opts = options or JobOptions()
    opened, models = opts.open_source(source), opts.open_models()
    try:
        return preview_image(
            opened,
            image_id,
            Path(out),
            model=models[model_label(opts.model)],
            settings=opts.config(source).settings,
            template=opts.load_prompt(),
        )
    finally:
        _close(models.values())


def _close(models: Collection[PricedModel]) -> None:
    async def close_all() -> None:
        for priced in models:
            await priced.model.aclose()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(close_all())  # Inside a notebook's loop it cannot run, and nothing was connected either.


def _path(value: PathLike | None) -> Path | None:
    return None if value is None else Path(value)
