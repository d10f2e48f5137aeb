"""How fast do the models of configs/ train, and what memory do they take?

    python -m benchmarks.sft_speed [--case gpt4roi-7b-lora vlm-3b] [--device auto] [--steps 5] [--warm 2]
        [--conversations 4] [--passes 4] [--tokens 1500] [--layers 0] [--whole-logits] [--json FILE]
    python -m benchmarks.sft_speed --memory      # no GPU and no memory needed: counts in place of measuring

Models have their published sizes and random weights, which does not change the speed; nothing is downloaded.
They train with the code of `pix2cap sft train`: its stages, what learns in them, adapters, checkpointing,
bf16, collator and trainer. Conversations are about a made-up picture with fifteen regions and are prepared
before the clock starts. A vision-language model's processor comes with its weights, so its inputs are made
here and the part of TRL that reads rows is not run; TRL's head is, where TRL is installed.

Tokens count without padding, pictures' included. The share of the peak is the floating-point work that torch
counts, activations computed again included, over the time it took and the card's published dense bf16 peak.
`--device cpu --layers 2` runs the same with few layers of the language model in full width, and says so.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import resource
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback
from transformers.utils.logging import set_verbosity_error

from benchmarks.sft_memory import GB, Step, flop_counter, stages
from benchmarks.sft_models import CASES, Case, Setup, make
from pix2cap.sft.settings import SftSettings, StageSettings
from pix2cap.sft.stage_trainer import StageTrainer, learning_parameters
from pix2cap.sft.training import quiet, trainer_arguments

DENSE_BF16 = {"H200": 989e12, "H100": 989e12, "A100": 312e12}
"""FLOP/s that the makers publish, by a part of the card's name."""


@dataclass(frozen=True)
class Speed:
    """One stage, measured; memory is the card's, or the process's highest on a CPU."""

    case: str
    stage: str
    learning: int
    tokens_per_s: float
    labelled_per_s: float
    images_per_s: float
    seconds_a_step: float
    conversations_a_step: int
    peak_bytes: int
    flops_a_step: int
    share_of_peak: float | None
    loss: float


@dataclass
class Clock(TrainerCallback):  # type: ignore[misc]  # transformers is not followed by mypy
    """Counts the work of the first step and times those after `warm`."""

    device: torch.device
    warm: int
    flops: Any = field(default_factory=flop_counter)
    began: float = 0.0
    seconds: float = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == 0:
            self.flops.__enter__()
        if state.global_step == self.warm:
            self._wait()
            if self.device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            self.began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        if state.global_step == 1:
            self.flops.__exit__(None, None, None)
        if state.global_step == args.max_steps:
            self._wait()
            self.seconds = time.perf_counter() - self.began
        # Writing a checkpoint of random weights would tell nothing.
        control.should_save = False
        return control

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def train(
    setup: Setup, settings: SftSettings, stage: StageSettings, device: torch.device, args: argparse.Namespace
) -> tuple[Clock, int, float]:
    """A few steps of a stage as `pix2cap sft train` does them, how many numbers learn, and the loss."""
    learning = setup.choose(stage.train)
    for parameter in learning_parameters(setup.model):
        parameter.data = parameter.data.float()
    clock, steps = Clock(device, args.warm), args.warm + args.steps
    with tempfile.TemporaryDirectory() as folder:
        trainer = StageTrainer(
            model=setup.model,
            args=trainer_arguments(
                settings,
                stage,
                Path(folder),
                steps=steps,
                device="cpu" if device.type == "cpu" else "auto",
            ),
            train_dataset=list(setup.samples[: steps * stage.batch]),
            data_collator=setup.collate,
            callbacks=[clock],
        )
        quiet(trainer)
        done = trainer.train()
    return clock, learning, float(done.training_loss)


def speeds(case: Case, args: argparse.Namespace, device: torch.device) -> Iterator[Speed]:
    settings = case.settings(_changes(case, args))
    most = max(stage.batch for stage in settings.stages) * (args.warm + args.steps)
    torch.manual_seed(0)
    setup = make(
        settings,
        samples=most,
        tokens=args.tokens,
        layers=args.layers,
        device=device.type,
        fuse=not args.whole_logits,
    )
    print(f"{case.name}: {setup.head}")
    peak = _peak_of_card(args, device)
    for stage in settings.stages:
        clock, learning, loss = train(setup, settings, stage, device, args)
        timed = setup.samples[args.warm * stage.batch : (args.warm + args.steps) * stage.batch]
        one = clock.seconds / args.steps
        work = int(clock.flops.get_total_flops())
        yield Speed(
            case.name,
            stage.name,
            learning,
            sum(len(_of(sample, "input_ids")) for sample in timed) / clock.seconds,
            sum(int((_of(sample, "labels") != -100).sum()) for sample in timed) / clock.seconds,
            len(timed) / clock.seconds,
            one,
            stage.batch,
            _memory(device),
            work,
            None if peak is None else work / one / peak,
            loss,
        )
    del setup
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _changes(case: Case, args: argparse.Namespace) -> list[str]:
    """Samples lie ready, so no processes make them; conversations and passes as asked."""
    told = ["data.workers=0"]
    for number, stage in enumerate(case.settings().stages):
        passes = args.passes or stage.accumulate
        size = args.conversations or stage.batch // stage.accumulate
        told += [f"stages.{number}.batch={size * passes}", f"stages.{number}.accumulate={passes}"]
    return told


def _of(sample: Any, name: str) -> Any:
    return sample[name] if isinstance(sample, dict) else getattr(sample, name)


def _peak_of_card(args: argparse.Namespace, device: torch.device) -> float | None:
    if args.peak_tflops:
        return float(args.peak_tflops * 1e12)
    name = torch.cuda.get_device_name() if device.type == "cuda" else ""
    return next((flops for part, flops in DENSE_BF16.items() if part in name), None)


def _memory(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def memory(case: Case, args: argparse.Namespace) -> Iterator[tuple[str, Step]]:
    """What each stage of a case needs, counted."""
    settings = case.settings(_changes(case, args))
    most = max(stage.batch // stage.accumulate for stage in settings.stages)

    def build() -> Setup:
        return make(
            settings, samples=most, tokens=args.tokens, layers=args.layers, fuse=not args.whole_logits
        )

    for stage, step in zip(settings.stages, stages(settings, build), strict=True):
        yield stage.name, step


def tell_speed(speed: Speed) -> str:
    rate = speed.flops_a_step / speed.seconds_a_step / 1e12
    share = "" if speed.share_of_peak is None else f" ({speed.share_of_peak:.1%} of the peak)"
    return (
        f"  {speed.stage}: {speed.learning:,} numbers learn; {speed.tokens_per_s:,.1f} tokens/s, of them"
        f" {speed.labelled_per_s:,.1f} labelled; {speed.images_per_s:.3f} images/s; {rate:.2f} TFLOP/s{share}"
        f"; {speed.peak_bytes / GB:.2f} GB; {speed.seconds_a_step:.2f} s a step of"
        f" {speed.conversations_a_step}; loss {speed.loss:.2f}"
    )


def tell_memory(stage: str, step: Step) -> str:
    count = step.count
    return (
        f"  {stage}: {count.numbers / 1e9:.3f}e9 numbers, {count.learning / 1e6:,.2f}e6 learn; GB: weights"
        f" {count.weight_bytes / GB:.2f} + gradients {count.gradient_bytes / GB:.2f} + AdamW"
        f" {count.optimizer_bytes / GB:.2f} + beside them {step.beside_bytes / GB:.2f} ="
        f" {step.peak_bytes / GB:.2f} at the peak ({step.phase}); a pass: {step.conversations} conversations"
        f" of {step.tokens} tokens, {step.head}, {step.pass_flops / 1e12:.1f} TFLOP"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    names = [case.name for case in CASES]
    parser.add_argument("--case", nargs="+", choices=names, default=None)
    parser.add_argument("--memory", action="store_true", help="count, on any machine")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=5, help="that are timed")
    parser.add_argument("--warm", type=int, default=2, help="steps before them, 1 or more")
    parser.add_argument("--conversations", type=int, default=0, help="in a pass; 0 as in the configuration")
    parser.add_argument("--passes", type=int, default=0, help="in a step; 0 as in the configuration")
    parser.add_argument("--tokens", type=int, default=1500, help="in a conversation, picture included")
    parser.add_argument("--layers", type=int, default=0, help="of the language model; 0 for all")
    parser.add_argument("--whole-logits", action="store_true", help="without TRL's fused head")
    parser.add_argument("--peak-tflops", type=float, help="of the card, where it is no H200, H100 or A100")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    # All weights of 7B learning take a card of their own: only on request, but for counting.
    args.case = args.case or (names if args.memory else [n for n in names if n != "gpt4roi-7b"])
    return args


def main() -> None:
    args = _arguments()
    # These libraries warn of each other's deprecations.
    warnings.simplefilter("ignore")
    set_verbosity_error()
    auto = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device("cpu" if args.memory else auto if args.device == "auto" else args.device)
    card = (
        torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    )
    import transformers

    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    print("counted, nothing measured" if args.memory else card, end="; ")
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    if args.layers:
        print(f"CUT: {args.layers} layers of each language model, not all; the figures are not the models'")
    rows = _rows([case for case in CASES if case.name in args.case], args, device)
    if args.json:
        about = versions | {"card": None if args.memory else card, "python": platform.python_version()}
        record = about | {"layers": args.layers, "tokens": args.tokens, "rows": rows}
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(record, indent=1) + "\n")


def _rows(cases: Sequence[Case], args: argparse.Namespace, device: torch.device) -> list[dict[str, Any]]:
    rows = []
    for case in cases:
        if args.memory:
            print(f"{case.name}: {case.config} {' '.join(case.changes)}".rstrip())
            for stage, step in memory(case, args):
                print(tell_memory(stage, step), flush=True)
                rows.append({"case": case.name, "stage": stage} | asdict(step))
            continue
        for speed in speeds(case, args, device):
            print(tell_speed(speed), flush=True)
            rows.append(asdict(speed))
    return rows


if __name__ == "__main__":
    main()
