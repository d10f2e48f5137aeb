"""`pix2cap weights convert`."""

from __future__ import annotations

from pathlib import Path

from pix2cap.cli.extras import need_extra
from pix2cap.cli.output import say


def convert(
    file: Path,
    *,
    out: Path,
    clip_bpe: Path | None = None,
    bert_vocab: Path | None = None,
    text_decoder: Path | None = None,
    preset: str | None = None,
    categories: Path | None = None,
    allow_missing: bool = False,
    seed: int = 0,
    overwrite: bool = False,
) -> int:
    """Turn published weights into a folder that predict and train take; keys that do not fit are listed.

    Args:
        file: X-Decoder's or Pix2Cap's .pt file, or a folder of weights that lacks its vocabularies.
        out: The folder to write.
        clip_bpe: bpe_simple_vocab_16e6.txt.gz of open_clip_torch; needed to name classes.
        bert_vocab: vocab.txt of BERT uncased; needed to write captions.
        text_decoder: GRiT's file, to take its text decoder instead of the one in FILE.
        preset: focal-l, focal-t or tiny; otherwise the sizes are read off the tensors.
        categories: A COCO JSON whose categories are the classes; otherwise COCO's 133.
        allow_missing: Initialise missing keys with random numbers.
        seed: Of those random numbers.
        overwrite: Replace weights in the folder.
    """
    need_extra("train")
    from pix2cap.model.coco import read_categories
    from pix2cap.model.config import preset as named_preset
    from pix2cap.model.convert import convert as convert_weights
    from pix2cap.model.vocabulary import GET_VOCABULARIES

    made = convert_weights(
        file,
        out,
        clip_bpe=clip_bpe,
        bert_vocab=bert_vocab,
        text_decoder=text_decoder,
        config=None if preset is None else named_preset(preset),
        categories=None if categories is None else read_categories(categories),
        allow_missing=allow_missing,
        seed=seed,
        overwrite=overwrite,
    )
    for told, keys in made.lists():
        say(f"{told}:")
        for key in keys:
            say(f"  {key}")
    if len(made.vocabularies) < 2:
        say(f"predict will not work yet: {GET_VOCABULARIES}")
    print(made.folder)
    return 0
