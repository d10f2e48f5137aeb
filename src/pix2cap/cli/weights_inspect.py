"""`pix2cap weights inspect`."""

from __future__ import annotations

from pathlib import Path

from pix2cap.cli.extras import need_extra
from pix2cap.cli.output import Format, print_json, print_record


def inspect(file: Path, *, format: Format = "table") -> int:
    """Tell what a file of weights is and how its keys differ from its model's; nothing inside is run.

    Args:
        file: A .pt, .pth, .bin or .safetensors file, or a folder of weights.
        format: table or json.
    """
    need_extra("train")
    from pix2cap.model.convert import inspect as inspect_weights

    found = inspect_weights(file)
    record = found.to_json()
    if format == "json":
        print_json(record)
        return 0
    keys, config = record.pop("keys"), record.pop("config")
    if found.preset is not None:
        config = f"{found.preset}, exactly"
    record |= {"preset": found.preset or "none fits", "config": config or "no model of ours"}
    record["keys"] = {name: len(listed) for name, listed in keys.items()}
    print_record(record, format=format, title=str(file))
    for line in found.keys.lines():
        print(line)
    return 0
