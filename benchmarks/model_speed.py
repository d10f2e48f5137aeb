"""How fast does the model train and predict, and what memory does it take?

    python -m benchmarks.model_speed [--preset focal-t ...] [--side 1024] [--batch 2] [--precision bf16]
        [--device auto] [--steps 10] [--peak-tflops 989] [--json benchmarks/results/NAME.json]

Random pictures with ten random captioned segments each; weights are random, which does not change the
speed. Each preset is trained whole and with the published parts frozen (backbone, pixel decoder, text
encoder, query embeddings), and predicts with eight kept segments. The share of the peak is the
floating-point work that torch counts, over the time it took and the peak that you name; published dense
bf16 peaks are 989 TFLOP/s for H100 and H200 and 312 for A100.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from pix2cap.model.captioner import PanopticCaptioner
from pix2cap.model.config import ModelConfig, preset
from pix2cap.model.records import Batch, SegmentTargets
from pix2cap.train.optimizer import freeze_parts, make_optimizer
from pix2cap.train.settings import OptimSettings

SEGMENTS = 10
WORDS = 25
FROZEN = ("backbone", "pixel_decoder", "text_encoder", "query_embeddings")


@dataclass(frozen=True)
class Speed:
    """One measurement; memory in MiB is the card's, or the process's highest on a CPU."""

    preset: str
    what: str
    images_per_s: float
    peak_mib: float
    tflops: float
    share_of_peak: float | None


def make_batch(config: ModelConfig, *, side: int, images: int, device: torch.device) -> Batch:
    draw = torch.Generator().manual_seed(0)
    pictures = torch.randn(images, 3, side, side, generator=draw)
    targets = []
    for _ in range(images):
        masks = torch.zeros(SEGMENTS, side, side, dtype=torch.bool)
        for mask in masks:
            x, y = torch.randint(side // 2, (2,), generator=draw).tolist()
            mask[y : y + side // 3, x : x + side // 3] = True
        ids = torch.randint(1000, config.caption_vocabulary, (SEGMENTS, WORDS), generator=draw)
        ids = ids if config.caption_vocabulary > 2000 else ids % config.caption_vocabulary
        predicted = torch.ones_like(ids, dtype=torch.bool)
        predicted[:, 0] = False
        labels = torch.randint(config.classes, (SEGMENTS,), generator=draw)
        targets.append(SegmentTargets(labels, masks, ids, predicted))
    return Batch(pictures, ((side, side),) * images, tuple(targets)).to(device)


def measure(
    name: str,
    what: str,
    step: Callable[[], None],
    *,
    images: int,
    steps: int,
    device: torch.device,
    peak: float | None,
) -> Speed:
    step()
    with FlopCounterMode(display=False) as flops:
        step()
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    for _ in range(steps):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    seconds = (time.perf_counter() - began) / steps
    on_card = torch.cuda.max_memory_allocated() if device.type == "cuda" else None
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    tflops = flops.get_total_flops() / seconds / 1e12
    share = None if peak is None else tflops / peak
    return Speed(name, what, images / seconds, (on_card or own) / 2**20, tflops, share)


def speeds(name: str, args: argparse.Namespace, device: torch.device) -> Iterator[Speed]:
    config = replace(preset(name), object_threshold=-1.0)
    autocast: Callable[[], AbstractContextManager[object]] = (
        (lambda: torch.autocast(device.type, dtype=torch.bfloat16))
        if args.precision == "bf16"
        else (lambda: nullcontext())
    )
    torch.manual_seed(0)
    model = PanopticCaptioner(config).to(device)
    batch = make_batch(config, side=args.side, images=args.batch, device=device)
    names = torch.nn.functional.normalize(
        torch.randn(config.classes + 1, config.projection_dim, device=device), dim=-1
    )
    for what, frozen in (("train", ()), ("train, parts frozen", FROZEN)):
        freeze_parts(model, frozen)
        optimizer = make_optimizer(model, OptimSettings(freeze=frozen))

        def train_step(optimizer: torch.optim.Optimizer = optimizer) -> None:
            with autocast():
                loss = torch.stack(list(model.losses(batch, names).values())).sum()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        model.train()
        yield measure(
            name, what, train_step, images=args.batch, steps=args.steps, device=device, peak=args.peak_tflops
        )
        del optimizer
    model.eval()

    def predict_step() -> None:
        with torch.inference_mode(), autocast():
            outputs = model(batch, names)
            eight = torch.arange(8, device=device)
            memory = model.memory(outputs, outputs.layers[-1], [eight] * args.batch, [eight] * args.batch)
            decoder = model.predictor.text_decoder.textual
            cache = decoder.prefill(memory, max_tokens=config.caption_max_tokens)
            token = torch.full((len(memory),), config.caption_begin_id, device=device)
            for _ in range(config.caption_max_tokens - 1):
                token = decoder.step(token, cache).argmax(-1)

    yield measure(
        name,
        "predict, 8 captions",
        predict_step,
        images=args.batch,
        steps=args.steps,
        device=device,
        peak=args.peak_tflops,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--preset", nargs="+", default=["focal-t", "focal-l"])
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--peak-tflops", type=float)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    auto = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(auto if args.device == "auto" else args.device)
    card = (
        torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    )
    print(f"{card}; torch {torch.__version__}; {args.batch} x {args.side} px, {args.precision}")
    rows = []
    for name in args.preset:
        for speed in speeds(name, args, device):
            share = "" if speed.share_of_peak is None else f"{speed.share_of_peak:6.1%} of peak"
            print(
                f"{speed.preset:<8} {speed.what:<20} {speed.images_per_s:8.2f} images/s"
                f" {speed.peak_mib:9,.0f} MiB {speed.tflops:8.2f} TFLOP/s {share}"
            )
            rows.append(asdict(speed))
    if args.json:
        about = {"card": card, "torch": torch.__version__, "python": platform.python_version()}
        record = about | {"side": args.side, "batch": args.batch, "precision": args.precision, "rows": rows}
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
