"""CPU time to prepare one picture for a model: ours, plain ones, and supervision's annotators, in turn.

    python benchmarks/prepare.py                                  # generated scenes
    python benchmarks/prepare.py --coco ../shared/data/coco       # real pictures, where one has them

Every way starts from the bytes of a JPEG and an id-map PNG in memory and ends at the bytes of the request
bodies: decode, one marked picture for at most K segments (contour, halo, number), a focal crop of each small
segment, JPEG at quality 90, base64, JSON. The clean picture goes as its own bytes everywhere.

  pix2cap      what `annotate` runs
  plain        a boolean mask of the whole frame a segment; contour by Pillow's filters (nine tenths of its
               time), number at the mean of its pixels by Pillow, encodes by Pillow, stdlib base64 and json
  plain, cv2   the same with cv2.findContours and a distance transform a segment, lines drawn by Pillow
  supervision  cv2 decodes and encodes, masks into Detections, Polygon and Label annotators; crops as in
               `plain, cv2`

Only ours keeps labels apart and off small segments. Times are CPU milliseconds of this process, all its
threads, averaged over the pictures: the median of the rounds, and the best round, which a busy machine spoils
less. OpenCV and BLAS are held to one thread each: a BLAS thread that spins after supervision's turn would
otherwise be charged to whoever comes next.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import cv2
import numpy as np
import simplejpeg
import supervision as sv
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from pix2cap.core import PanopticMap
from pix2cap.draw.crops import CropStyle, crop_box, focal_crop, needs_crop
from pix2cap.draw.encode import encode_jpeg, encode_png
from pix2cap.draw.marks import draw_marks
from pix2cap.draw.palette import PALETTE
from pix2cap.draw.partition import split_into_units
from pix2cap.formats.pictures import decode_picture
from pix2cap.formats.png import decode_id_png
from pix2cap.vlm.chat_body import Dialect, chat_body, encode_pictures
from pix2cap.vlm.model import CaptionRequest, PicturePart, Sampling

TARGET_RATIO = 8.0
TARGET_MS = 10.0
Infos = dict[int, tuple[int, bool, bool]]


@dataclass(frozen=True)
class Sample:
    """One picture as it lies on disk."""

    jpeg: bytes
    png: bytes
    infos: Infos

    def units(self, panoptic: PanopticMap, max_marks: int) -> list[tuple[int, ...]]:
        return split_into_units(panoptic, [s.id for s in panoptic.captionable()], max_marks)


def ours(sample: Sample, max_marks: int) -> list[bytes]:
    picture = decode_picture(sample.jpeg, name="sample.jpg")
    panoptic = PanopticMap.from_id_map(decode_id_png(sample.png), sample.infos)
    style, bodies = CropStyle(), []
    for unit in sample.units(panoptic, max_marks):
        marked = draw_marks(picture.rgb, panoptic, unit)
        parts = [
            PicturePart(picture.data, "image/jpeg", "clean"),
            PicturePart(encode_jpeg(marked.rgb), "image/jpeg", "marked"),
        ]
        for number, segment_id in enumerate(unit, 1):
            if needs_crop(panoptic.by_id[segment_id], panoptic.size_wh, style):
                crop = focal_crop(picture.rgb, panoptic, segment_id, style=style, mark_number=number)
                parts.append(PicturePart(encode_jpeg(crop.rgb), "image/jpeg", f"crop {number}"))
        request = CaptionRequest(tuple(parts), "Describe.", None, Sampling(), "0")
        bodies.append(chat_body("model", request, encode_pictures(parts), dialect=Dialect()))
    return bodies


def _json_body(pictures: list[bytes]) -> bytes:
    content: list[dict[str, object]] = [{"type": "text", "text": "Describe."}]
    for data in pictures:
        url = "data:image/jpeg;base64," + base64.b64encode(data).decode()
        content.append({"type": "image_url", "image_url": {"url": url}})
    return json.dumps({"model": "model", "messages": [{"role": "user", "content": content}]}).encode()


def _pil_jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _pil_decode(sample: Sample) -> tuple[Image.Image, PanopticMap]:
    image = Image.open(io.BytesIO(sample.jpeg)).convert("RGB")
    rgb = np.asarray(Image.open(io.BytesIO(sample.png)).convert("RGB")).astype(np.uint32)
    id_map = rgb[..., 0] + 256 * rgb[..., 1] + 65536 * rgb[..., 2]
    return image, PanopticMap.from_id_map(id_map, sample.infos)


def _draw_by_filters(image: Image.Image, mask: NDArray[np.bool_], color: tuple[int, int, int]) -> None:
    shape = Image.fromarray(mask.astype(np.uint8) * 255)
    inner = np.asarray(shape.filter(ImageFilter.MinFilter(5)))
    halo = np.asarray(shape.filter(ImageFilter.MaxFilter(3)))
    image.paste((0, 0, 0), mask=Image.fromarray(halo & ~np.asarray(shape)))
    image.paste(color, mask=Image.fromarray(np.asarray(shape) & ~inner))


def _draw_by_polygons(image: Image.Image, mask: NDArray[np.bool_], color: tuple[int, int, int]) -> None:
    draw = ImageDraw.Draw(image)
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    for width, paint in ((4, (0, 0, 0)), (2, color)):
        for outline in outlines:
            points = [tuple(p) for p in outline[:, 0].tolist()]
            if len(points) > 1:
                draw.line([*points, points[0]], fill=paint, width=width)


def _write(image: Image.Image, number: int, x: float, y: float, color: tuple[int, int, int]) -> None:
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(16)
    box = draw.textbbox((x, y), str(number), font=font, anchor="mm")
    draw.rectangle((box[0] - 3, box[1] - 3, box[2] + 3, box[3] + 3), fill=color)
    draw.text((x, y), str(number), fill=(0, 0, 0), font=font, anchor="mm")


def _pil_crops(
    image: Image.Image, masks: dict[int, NDArray[np.bool_]], panoptic: PanopticMap, *, filters: bool
) -> list[bytes]:
    crops = []
    for i, mask in masks.items():
        if not needs_crop(panoptic.by_id[i], panoptic.size_wh, CropStyle()):
            continue
        x0, y0, x1, y1 = crop_box(panoptic.by_id[i].box_xyxy, panoptic.size_wh)
        scale = min(max(1.0, 224 / min(x1 - x0, y1 - y0)), 448 / max(x1 - x0, y1 - y0))
        size = (round((x1 - x0) * scale), round((y1 - y0) * scale))
        crop = image.crop((x0, y0, x1, y1)).resize(size, Image.Resampling.BICUBIC)
        shape = np.asarray(Image.fromarray(mask[y0:y1, x0:x1]).resize(size))
        (_draw_by_filters if filters else _draw_by_polygons)(crop, shape, PALETTE[0])
        crops.append(_pil_jpeg(crop))
    return crops


def plain(sample: Sample, max_marks: int, *, filters: bool = True) -> list[bytes]:
    image, panoptic = _pil_decode(sample)
    bodies = []
    for unit in sample.units(panoptic, max_marks):
        masks = {i: panoptic.mask(i) for i in unit}
        marked = image.copy()
        for number, mask in enumerate(masks.values(), 1):
            color = PALETTE[(number - 1) % len(PALETTE)]
            (_draw_by_filters if filters else _draw_by_polygons)(marked, mask, color)
        for number, mask in enumerate(masks.values(), 1):
            if filters:
                ys, xs = np.nonzero(mask)
                x, y = float(xs.mean()), float(ys.mean())
            else:
                _, _, _, (x, y) = cv2.minMaxLoc(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3))
            _write(marked, number, x, y, PALETTE[(number - 1) % len(PALETTE)])
        crops = _pil_crops(image, masks, panoptic, filters=filters)
        bodies.append(_json_body([sample.jpeg, _pil_jpeg(marked), *crops]))
    return bodies


def with_supervision(sample: Sample, max_marks: int) -> list[bytes]:
    bgr = cv2.imdecode(np.frombuffer(sample.jpeg, np.uint8), cv2.IMREAD_COLOR)
    coded = cv2.imdecode(np.frombuffer(sample.png, np.uint8), cv2.IMREAD_COLOR).astype(np.uint32)
    id_map = coded[..., 2] + 256 * coded[..., 1] + 65536 * coded[..., 0]
    panoptic = PanopticMap.from_id_map(id_map, sample.infos)
    colors = sv.ColorPalette([sv.Color(*rgb) for rgb in PALETTE])
    outline = sv.PolygonAnnotator(colors, thickness=2, color_lookup=sv.ColorLookup.INDEX)
    number = sv.LabelAnnotator(
        colors, color_lookup=sv.ColorLookup.INDEX, text_position=sv.Position.CENTER_OF_MASS, text_padding=3
    )
    bodies = []
    for unit in sample.units(panoptic, max_marks):
        masks = {i: panoptic.mask(i) for i in unit}
        boxes = np.array([panoptic.by_id[i].box_xyxy for i in unit], float)
        detections = sv.Detections(boxes, mask=np.stack(list(masks.values())))
        marked = outline.annotate(bgr.copy(), detections)
        marked = number.annotate(marked, detections, labels=[str(n) for n in range(1, len(unit) + 1)])
        image = Image.fromarray(bgr[..., ::-1])
        crops = _pil_crops(image, masks, panoptic, filters=False)
        jpeg = cv2.imencode(".jpg", marked, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
        bodies.append(_json_body([sample.jpeg, jpeg, *crops]))
    return bodies


WAYS: dict[str, Callable[[Sample, int], list[bytes]]] = {
    "pix2cap": ours,
    "plain": plain,
    "plain, cv2": lambda sample, max_marks: plain(sample, max_marks, filters=False),
    "supervision": with_supervision,
}


def generated(count: int, segments: int) -> Iterator[Sample]:
    """Scenes of 640x480: random polygons on a ground of four cells, with a smooth texture."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        labels = np.ones((480, 640), np.int32)
        labels[:, 320:] = 2
        labels[200 + int(rng.integers(100)) :] = 3
        for number in range(4, segments + 1):
            middle, reach = rng.random(2) * (640, 480), 10.0 * 10 ** rng.random()
            angles = np.sort(rng.random(9)) * 2 * np.pi
            radii = reach * rng.uniform(0.5, 1.3, 9)
            points = middle + np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None]
            cv2.fillPoly(labels, [points.astype(np.int32)], number)
        present = [int(n) for n in np.unique(labels)]
        ids = np.zeros(segments + 1, np.uint32)
        ids[1:] = rng.choice(2**24 - 1, segments, replace=False) + 1
        id_map = ids[labels]
        texture = cv2.resize(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8), (640, 480))
        noise = rng.integers(0, 24, (480, 640, 3), dtype=np.uint8)
        rgb = cv2.add(cv2.addWeighted(texture, 0.6, np.full_like(texture, 90), 0.4, 0), noise)
        coded = np.stack([id_map & 255, id_map >> 8 & 255, id_map >> 16], -1).astype(np.uint8)
        infos = {int(ids[n]): (1, True, False) for n in present}
        yield Sample(encode_jpeg(rgb), encode_png(coded), infos)


def real(folder: Path, count: int) -> Iterator[Sample]:
    """The first pictures of the validation split."""
    document = json.loads((folder / "panoptic_val.json").read_text())
    for annotation in document["annotations"][:count]:
        name = Path(annotation["file_name"])
        infos = {s["id"]: (s["category_id"], True, bool(s["iscrowd"])) for s in annotation["segments_info"]}
        yield Sample(
            (folder / "val2017" / name.with_suffix(".jpg")).read_bytes(),
            (folder / "panoptic_val2017" / name).read_bytes(),
            infos,
        )


def measure(samples: list[Sample], max_marks: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Median and best CPU milliseconds a picture; the ways take turns so that all meet the same machine."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    for sample in samples:
        spent: dict[str, list[float]] = {name: [] for name in WAYS}
        for _ in range(rounds):
            for name, way in WAYS.items():
                start = time.process_time()
                way(sample, max_marks)
                spent[name].append(time.process_time() - start)
        for name, times in spent.items():
            taken[name].append((1000 * median(times), 1000 * min(times)))
    return {name: (mean(t for t, _ in pairs), mean(t for _, t in pairs)) for name, pairs in taken.items()}


def report(title: str, samples: list[Sample], max_marks: int, rounds: int) -> dict[str, tuple[float, float]]:
    sizes = [simplejpeg.decode_jpeg_header(sample.jpeg)[:2] for sample in samples]
    pixels = mean(height * width for height, width in sizes)
    segments = mean(len(sample.infos) for sample in samples)
    print(
        f"\n{title}: {len(samples)} pictures, {pixels / 1e6:.2f} megapixels, {segments:.1f} segments,"
        f" at most {max_marks} marks a picture"
    )
    result = measure(samples, max_marks, rounds)
    print(f"{'way':<14}{'CPU ms':>9}{'best':>9}{'times ours':>12}")
    for name, (middle, best) in result.items():
        print(f"{name:<14}{middle:>9.1f}{best:>9.1f}{middle / result['pix2cap'][0]:>11.1f}x")
    return result


def _machine() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    return (
        f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()},"
        f" OpenCV {cv2.__version__}, Pillow {Image.__version__}, supervision {sv.__version__}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--coco", type=Path, help="folder with panoptic_val.json, its PNGs and val2017/")
    parser.add_argument("--pictures", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--max-marks", type=int, default=12)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    print(_machine())
    target = report("generated, 640x480", list(generated(args.pictures, 15)), 15, args.rounds)
    results = [target]
    if args.coco is not None:
        results.append(report("COCO val", list(real(args.coco, args.pictures)), args.max_marks, args.rounds))
    ratio = min(result["plain"][0] / result["pix2cap"][0] for result in results)
    print(f"\nplain / ours at least {ratio:.1f}x (target {TARGET_RATIO:.0f}x);", end=" ")
    middle, best = target["pix2cap"]
    print(f"{middle:.1f} ms, best {best:.1f}, with 15 segments at 640x480 (target {TARGET_MS:.0f} ms)")
    return 0 if ratio >= TARGET_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
