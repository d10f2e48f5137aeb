"""TRL's conversational prompt-completion rows with pictures, as an image folder of `datasets`.

`prompt` and `completion`, not `messages`: on these TRL puts loss on the completion alone. A conversation of
k turns is k rows, each with the turns before it as its prompt, so that every answer is learnt once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pix2cap.sft.formats.row_format import Row, RowFormat, Spoken


def prompt_completion_rows(spoken: Spoken) -> Iterator[Row]:
    """One row an answer. `file_names` is what `datasets` turns into the column `images`."""
    facts = spoken.facts()
    for number in range(1, len(spoken.turns) + 1):
        messages = spoken.messages(spoken.turns[:number], image_token=False)
        row: Row = {**facts, "prompt": messages[:-1], "completion": messages[-1:]}
        if len(spoken.turns) > 1:
            row["id"] = f"{facts['id']}.{number}"
            for column in ("segment_ids", "styles", "regions"):
                if column in row:
                    row[column] = row[column][:number]
        yield {**row, "file_names": [spoken.picture]}


TRL: Final = RowFormat(
    name="trl",
    rows=prompt_completion_rows,
    row_file="{split}/metadata.jsonl",
    picture_dir="{split}/images",
    seen_from="{split}",
    keeps_pictures=True,
)
