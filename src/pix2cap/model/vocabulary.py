"""Text to token ids and back: one vocabulary for captions, one for class names.

Published weights need two vocabularies of others: BERT's uncased WordPiece for captions and CLIP's byte-pair
encoding for class names. A model trained here brings its own, learnt from its captions and class names.
Either way both are files of the `tokenizers` library beside the weights.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final, Self, cast

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE, WordPiece
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer

from pix2cap.errors import InputError

CAPTION_FILE: Final = "captions.tokenizer.json"
CLASS_FILE: Final = "classes.tokenizer.json"
GET_VOCABULARIES: Final = (
    "published weights come without their vocabularies: convert them with --bert-vocab FILE (BERT's uncased"
    " vocab.txt, 30,522 lines) and --clip-bpe FILE (bpe_simple_vocab_16e6.txt.gz of open_clip_torch)"
)

# Byte-level text writes a space as another letter, so no text, however odd, can merge into these.
_PAD, _BEGIN, _END = "[no token]", "[text begins]", "[text ends]"
_BERT_SPECIAL: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_SMALLEST: Final = 256 + 3
# CLIP's table is cut so that all ids are 512 letters, these merges and two marks: 49,408.
_CLIP_MERGES: Final = 48_894
_CLIP_START, _CLIP_END = "<start_of_text>", "<end_of_text>"
_CLIP_WORDS: Final = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
# What BERT's decoder joins, in its order; then what the released captioner joins on top.
_JOINED: Final = (
    *((f" {mark}", mark) for mark in ".?!,"),
    (" ' ", "'"),
    *((f" {end}", end) for end in ("n't", "'m", "'s", "'ve", "'re")),
    (" - ", "-"),
)


class CaptionVocabulary:
    """Captions as token ids: the published one (WordPiece, lower case), or one learnt here.

    A learnt one is byte-level: `decode(encode(text)) == text` for every text, case and punctuation kept.

    Args:
        tokenizer: As `from_bert_vocab`, `train` or `load` make it.

    Raises:
        InputError: A tokenizer of another make.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        if tokenizer.padding is not None:
            raise InputError(
                "expected a caption vocabulary, got one of class names: its rows have one length"
            )
        # A caption may spell out "[SEP]": that is text, not the end of the caption.
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer
        self._is_word_piece = isinstance(tokenizer.model, WordPiece)
        special = _BERT_SPECIAL if self._is_word_piece else (_PAD, _BEGIN, _END)
        ids = {token: tokenizer.token_to_id(token) for token in special}
        found = {token: number for token, number in ids.items() if number is not None}
        if len(found) < len(special):
            told = ", ".join(token for token in special if token not in found)
            raise InputError(
                f"expected a caption vocabulary with {', '.join(special)}, got one without {told}"
            )
        self._special = frozenset(found.values())
        self.pad_id: int = found[special[0]]
        """Fills a row after its end."""
        begin, end = ("[CLS]", "[SEP]") if self._is_word_piece else (_BEGIN, _END)
        self.begin_id: int = found[begin]
        self.end_id: int = found[end]

    @property
    def size(self) -> int:
        """Number of token ids."""
        return int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without begin and end."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids; begin, end and padding are left out, and so are ids of no token.

        BERT's pieces are joined as its own decoder does it, hyphens and " 's" as the released captioner does.
        """
        words = [int(i) for i in ids if int(i) not in self._special]
        if not self._is_word_piece:
            return str(self._tokenizer.decode(words))
        tokens = [self._tokenizer.id_to_token(i) for i in words]
        text = " ".join(token for token in tokens if token is not None).replace(" ##", "").strip()
        for apart, joined in _JOINED:
            text = text.replace(apart, joined)
        return text

    @classmethod
    def train(cls, texts: Iterable[str], size: int) -> Self:
        """Learn byte pairs from captions; the same captions give the same vocabulary.

        Args:
            texts: Captions.
            size: Most token ids, at least 259 (256 bytes, padding, begin and end); few captions give fewer.

        Raises:
            ValueError: `size` is smaller.
        """
        return cls(_learnt(texts, size))

    @classmethod
    def from_bert_vocab(cls, path: Path) -> Self:
        """Read BERT's uncased `vocab.txt`: one token a line, its id the line's number from 0.

        Raises:
            InputError: No such file, or no vocabulary of BERT.
        """
        tokens = _text(path, "BERT's uncased vocab.txt").removesuffix("\n").split("\n")
        vocabulary = {token.rstrip("\r"): number for number, token in enumerate(tokens)}
        missing = [token for token in _BERT_SPECIAL if token not in vocabulary]
        if missing or len(vocabulary) != len(tokens):
            told = f"no {', '.join(missing)}" if missing else "tokens that stand twice"
            raise InputError(f"{path}: expected BERT's uncased vocab.txt, one token a line, got {told}")
        tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        return cls(tokenizer)

    def save(self, folder: Path) -> None:
        """Write `captions.tokenizer.json` into a folder."""
        _save(self._tokenizer, folder / CAPTION_FILE)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            InputError: No such file, or none of ours.
        """
        return cls(_load(folder / CAPTION_FILE))


class ClassVocabulary:
    """Class names as rows of token ids, all of one length, whose end has the highest id of all.

    The text encoder is read at the highest id of a row (CLIP's way). Rows are filled up with the end token as
    CLIP's Hugging Face tokenizer does it, not with zeros as open_clip does. Either way the first end is found
    and, attention being causal, nothing behind it is seen.

    Args:
        tokenizer: As `from_clip_bpe`, `train` or `load` make it, with start, end, cut and filling.

    Raises:
        InputError: A tokenizer without fixed length, or whose filling is not its highest id.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer
        padding = tokenizer.padding
        if padding is None or not padding["length"]:
            raise InputError("expected a class vocabulary with rows of one length, got one without padding")
        self.context = int(padding["length"])
        """Tokens in a row."""
        self.end_id = int(padding["pad_id"])
        """Where the text encoder is read; the highest id."""
        if self.end_id != self.size - 1:
            raise InputError(
                f"expected a class vocabulary whose end has the highest id, {self.size - 1}, got"
                f" {self.end_id}"
            )

    @property
    def size(self) -> int:
        """Number of token ids."""
        return int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def encode(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """`(N, context)` int64: start, the text in lower case, cut where it is too long, and ends."""
        # One by one: a batch starts threads, after which data loading may not fork.
        rows = [self._tokenizer.encode(text).ids for text in texts]
        return np.asarray(rows, dtype=np.int64).reshape(len(rows), self.context)

    @classmethod
    def train(cls, texts: Iterable[str], size: int, context: int) -> Self:
        """Learn byte pairs from class names in their prompts, in lower case.

        Args:
            texts: Prompts.
            size: Most token ids, at least 259; few texts give fewer.
            context: Tokens in a row, at least 3.

        Raises:
            ValueError: `size` or `context` is smaller.
        """
        tokenizer = _learnt(texts, size, normalizer=_lower_case(), is_end_last=True)
        return cls(_framed(tokenizer, _BEGIN, _END, context))

    @classmethod
    def from_clip_bpe(cls, path: Path, context: int = 77) -> Self:
        """Read CLIP's merges, the file `bpe_simple_vocab_16e6.txt.gz` that open_clip_torch ships.

        Args:
            path: That file, packed or unpacked.
            context: Tokens in a row.

        Raises:
            InputError: No such file, or no such merges.
        """
        lines = _text(path, "CLIP's bpe_simple_vocab_16e6.txt.gz").split("\n")
        merges = [tuple(line.split()) for line in islice(lines, 1, _CLIP_MERGES + 1) if line.strip()]
        if "#version" not in lines[0] or not merges or any(len(pair) != 2 for pair in merges):
            raise InputError(
                f"{path}: expected CLIP's merges, a line with #version and then two parts a line, got"
                f" {lines[0][:40]!r}"
            )
        letters = _byte_letters()
        tokens = [*letters, *(f"{letter}</w>" for letter in letters), *(a + b for a, b in merges)]
        vocabulary = {token: number for number, token in enumerate([*tokens, _CLIP_START, _CLIP_END])}
        try:
            model = BPE(vocabulary, cast("list[tuple[str, str]]", merges), end_of_word_suffix="</w>")
        except (
            Exception
        ) as error:  # The library raises no narrower one for a merge of parts it does not know.
            raise InputError(f"{path}: expected CLIP's merges, got some that do not fit: {error}") from None
        tokenizer = Tokenizer(model)
        tokenizer.normalizer = _lower_case()
        words = pre_tokenizers.Split(Regex(_CLIP_WORDS), behavior="removed", invert=True)
        letters_of_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, letters_of_bytes])
        return cls(_framed(tokenizer, _CLIP_START, _CLIP_END, context))

    def save(self, folder: Path) -> None:
        """Write `classes.tokenizer.json` into a folder."""
        _save(self._tokenizer, folder / CLASS_FILE)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            InputError: No such file, or none of ours.
        """
        return cls(_load(folder / CLASS_FILE))


def _byte_letters() -> list[str]:
    """The letter that stands for each byte in CLIP's order: those that print first, as they are."""
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in printed]
    return [chr(byte) for byte in printed] + [chr(256 + place) for place in range(len(hidden))]


def _lower_case() -> normalizers.Normalizer:
    parts = [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    return normalizers.Sequence(parts)


def _learnt(
    texts: Iterable[str],
    size: int,
    *,
    normalizer: normalizers.Normalizer | None = None,
    is_end_last: bool = False,
) -> Tokenizer:
    """Byte pairs learnt from texts; padding is 0, begin 1, end 2 or the highest id."""
    if size < _SMALLEST:
        raise ValueError(f"expected a vocabulary of at least {_SMALLEST} tokens, got {size}")
    tokenizer = Tokenizer(BPE())
    # The space in front lets a text's first word be the same token as everywhere else.
    prepend = normalizers.Prepend(" ")
    tokenizer.normalizer = normalizers.Sequence([normalizer, prepend]) if normalizer else prepend
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    trainer = BpeTrainer(
        vocab_size=size - is_end_last,
        min_frequency=2,
        special_tokens=[_PAD, _BEGIN] if is_end_last else [_PAD, _BEGIN, _END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    with _one_thread():
        tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _framed(tokenizer: Tokenizer, start: str, end: str, context: int) -> Tokenizer:
    """Every text between start and end, cut and filled up to one length."""
    if context < 3:
        raise ValueError(f"expected rows of at least 3 tokens, got {context}")
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in (start, end)])
    marks = [(token, tokenizer.token_to_id(token)) for token in (start, end)]
    tokenizer.post_processor = TemplateProcessing(single=[start, "$A", end], special_tokens=marks)
    tokenizer.enable_truncation(context)
    tokenizer.enable_padding(length=context, pad_id=marks[1][1], pad_token=end)
    return tokenizer


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep the library from starting threads, after which data loading may not fork."""
    name = "TOKENIZERS_PARALLELISM"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


def _text(path: Path, expected: str) -> str:
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected {expected}, got {error}") from None


def _save(tokenizer: Tokenizer, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tokenizer.to_str(), "utf-8")


def _load(path: Path) -> Tokenizer:
    if not path.is_file():
        raise InputError(
            f"expected {path.name} beside the weights, got none in {path.parent}; {GET_VOCABULARIES}"
        )
    try:
        return Tokenizer.from_str(path.read_text("utf-8"))
    except Exception as error:  # The library raises no narrower one.
        raise InputError(f"{path}: expected a vocabulary that pix2cap wrote, got {error}") from None
