"""The prompt: a versioned file, its hash, and the text rows it is filled with."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pix2cap.errors import UsageError
from pix2cap.text.language import language_name
from pix2cap.vlm.unit import UnitRow

if TYPE_CHECKING:
    from jinja2 import Template

Stage = Literal["first", "again", "fewer", "alone", "crop", "stronger"]

REPLY_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "captions": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "integer"},
                    "caption": {"type": "string"},
                    "visible": {"type": "boolean"},
                },
                "required": ["id", "caption", "visible"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["captions"],
    "additionalProperties": False,
}
"""JSON schema of the reply, in the subset that strict structured output accepts."""

PLACEHOLDERS: Final = ("rows", "language", "crops", "reasons", "stage", "ids", "first_id")
"""What a prompt file may name between `{{` and `}}`; `rows` it must."""

_DEFAULT: Final = Path(__file__).parent / "prompts" / "segments-v1.md"


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A prompt file.

    Args:
        text: The file as it stands (a Jinja2 template).
        name: File name without version and suffix.
        version: What follows `-v` in the file name, else "user".
        sha256: Of the file's bytes as UTF-8; goes into provenance.
    """

    text: str
    name: str
    version: str
    sha256: str

    @property
    def label(self) -> str:
        """Name, version and the hash's first eight digits: `segments v1 (1a2b3c4d)`."""
        return f"{self.name} v{self.version} ({self.sha256[:8]})"

    def render(
        self,
        rows: Sequence[UnitRow],
        *,
        language: str = "en",
        crops: Sequence[int] = (),
        reasons: Mapping[int, str] | None = None,
        stage: Stage = "first",
    ) -> str:
        """Fill the prompt for one request.

        Args:
            rows: The segments asked for; each becomes one line `<id> | <class name> | [x0, y0, x1, y1]`.
            language: Language code of the captions wanted.
            crops: Numbers of the rows that get an enlarged view, in the order of the pictures.
            reasons: Row number to why its last caption was not accepted.
            stage: Where in the ladder of asking again this request stands.

        Raises:
            UsageError: The template cannot be filled.
        """
        import jinja2

        # A class name with a line break would tear its row in two.
        lines = [" ".join(row.text.split()) for row in rows]
        numbers = {row.number for row in rows}
        told = [f"{n}: {' '.join(why.split())}" for n, why in sorted((reasons or {}).items()) if n in numbers]
        try:
            text = _compiled(self.text).render(
                rows="\n".join(lines),
                language=language_name(language),
                crops=[str(number) for number in crops],
                reasons="\n".join(told),
                stage=stage,
                ids=", ".join(str(row.number) for row in rows),
                first_id=str(rows[0].number) if rows else "1",
            )
        except jinja2.TemplateError as error:
            raise UsageError(f"prompt {self.name}: the template cannot be filled: {error}") from error
        return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def load_prompt(path: Path | None = None) -> PromptTemplate:
    """Read a prompt file, the packaged one by default.

    Args:
        path: A user's own file: plain text with `{{ rows }}` where the rows go, and optionally the
            other `PLACEHOLDERS`. A version may stand in its name (`mine-v3.md`).

    Raises:
        UsageError: The file cannot be read, is no template, lacks `{{ rows }}` or names an unknown
            placeholder.
    """
    where = path or _DEFAULT
    try:
        text = where.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"prompt file {where}: expected a readable UTF-8 file, got {error}") from error
    _check_placeholders(text, where)
    name = re.fullmatch(r"(?P<name>.+?)(?:-v(?P<version>[\w.]+))?", where.stem)
    return PromptTemplate(
        text=text,
        name=name["name"] if name else where.stem,
        version=(name["version"] if name else None) or "user",
        sha256=hashlib.sha256(text.encode("utf-8")).hexdigest(),
    )


def _check_placeholders(text: str, where: Path) -> None:
    import jinja2
    from jinja2 import meta

    try:
        named = meta.find_undeclared_variables(_environment().parse(text))
    except jinja2.TemplateError as error:
        raise UsageError(f"prompt file {where}: expected a Jinja2 template, got {error}") from error
    if "rows" not in named:
        raise UsageError(
            f"prompt file {where}: expected {{{{ rows }}}} where the segments go, got no such placeholder;"
            " start from the packaged prompt, which `pix2cap annotate preview` writes out"
        )
    if unknown := sorted(named - set(PLACEHOLDERS)):
        raise UsageError(
            f"prompt file {where}: expected placeholders out of {', '.join(PLACEHOLDERS)},"
            f" got {', '.join(unknown)}"
        )


@lru_cache(maxsize=1)
def _environment() -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    # Prompts are plain text for a model, so nothing is escaped.
    return SandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@lru_cache(maxsize=8)
def _compiled(text: str) -> Template:
    template: Template = _environment().from_string(text)
    return template
