"""Which language a caption is written in, and what languages are called."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

from pix2cap.text.words import word_set, words_of

LANGUAGES: Final[dict[str, str]] = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech", "da": "Danish",
    "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian",
    "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian",
    "lv": "Latvian", "ms": "Malay", "nb": "Norwegian", "nl": "Dutch",
    "no": "Norwegian", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish",
    "ta": "Tamil", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese",
    "zh": "Chinese",
}  # fmt: skip
"""Language code to English name, for those that captions are told apart in."""

_SCRIPTS: Final[dict[str, str]] = {
    "latin": r"A-Za-zÀ-ɏḀ-ỿ", "cyrillic": r"Ѐ-ӿ", "greek": r"Ͱ-Ͽ", "arabic": r"؀-ۿݐ-ݿ", "hebrew": r"֐-׿",
    "devanagari": r"ऀ-ॿ", "bengali": r"ঀ-৿", "tamil": r"஀-௿", "thai": r"฀-๿", "hangul": r"가-힯ᄀ-ᇿ",
    "kana": r"぀-ヿ", "han": r"㐀-䶿一-鿿",
}  # fmt: skip
_SCRIPT_PATTERNS: Final = {name: re.compile(f"[{span}]") for name, span in _SCRIPTS.items()}
_WRITTEN_IN: Final[dict[str, tuple[str, ...]]] = {
    "ar": ("arabic",), "fa": ("arabic",), "ur": ("arabic",), "bg": ("cyrillic",), "ru": ("cyrillic",),
    "uk": ("cyrillic",), "sr": ("cyrillic", "latin"), "el": ("greek",), "he": ("hebrew",),
    "hi": ("devanagari",), "bn": ("bengali",), "ta": ("tamil",), "th": ("thai",), "ko": ("hangul", "han"),
    "ja": ("kana", "han"), "zh": ("han",),
}  # fmt: skip
_SURE: Final = 0.97
"""Probability from which the classifier's word is taken; below it a caption is given the benefit."""

_KIN: Final = (
    frozenset({"da", "nb", "no", "nn", "sv"}), frozenset({"cs", "sk"}), frozenset({"hr", "sr", "sl", "bs"}),
    frozenset({"id", "ms"}), frozenset({"es", "ca", "gl", "pt"}), frozenset({"ru", "uk", "bg", "be", "mk"}),
    frozenset({"nl", "af"}), frozenset({"fa", "ur", "ar"}), frozenset({"hi", "mr", "ne"}),
)  # fmt: skip
"""Languages that a classifier of short texts mistakes for each other."""

_ENGLISH: Final = word_set(
    """the a an of in on at with and is are its his her behind beside between under above below near
    against from to left right standing sitting across along over into seen while by"""
)


def language_name(code: str) -> str:
    """The English name of a language code, or the code itself where it is not known.

    Example:
        >>> language_name("de"), language_name("pt-BR"), language_name("Klingon")
        ('German', 'Portuguese (pt-BR)', 'Klingon')
    """
    short = code.split("-")[0].lower()
    if short not in LANGUAGES:
        return code
    return LANGUAGES[short] if short == code.lower() else f"{LANGUAGES[short]} ({code})"


_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]+(?:[\x80-\xbf ](?=[^\x00-\x7f]))*")
_LEADS: Final = frozenset(b"\xc2\xc3\xc4\xc5\xce\xcf\xd0\xd1\xe2\xef")
"""Bytes that begin accents, Greek, Cyrillic and typographic marks in UTF-8."""
_LONE: Final = re.compile(r"\ufffd|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|Â(?=[\s\xa0,.])|Ã(?=[\s\xa0])|â€")
_TWO_SCRIPTS: Final = re.compile(r"[A-Za-z][\u0370-\u03ff\u0400-\u04ff]|[\u0370-\u03ff\u0400-\u04ff][A-Za-z]")


def garbled(text: str) -> str | None:
    """Letters that no writing has, because bytes were read in the wrong character set; None without any.

    UTF-8 read as Windows-1252 gives runs of letters that, written back, are UTF-8 again; real accents are
    not.

    Example:
        >>> garbled("The manâ€™s cafÃ©"), garbled("The man’s café")
        ('â€™', None)
    """
    for match in _NOT_ASCII.finditer(text):
        run = match[0]
        with suppress(UnicodeError):
            raw = b"".join(_byte(char) for char in run)
            if raw[0] in _LEADS and raw.decode("utf-8") != run:
                return run
    lone = _LONE.search(text) or _TWO_SCRIPTS.search(text)
    return lone[0] if lone else None


def _byte(char: str) -> bytes:
    """The byte that Windows-1252, or Latin 1 where that has none, shows as this character."""
    try:
        return char.encode("cp1252")
    except UnicodeEncodeError:
        return char.encode("latin-1")


def script_share(text: str, scripts: tuple[str, ...]) -> float:
    """Share of the text's letters that are written in the scripts given; 1.0 without letters."""
    counts = {name: len(pattern.findall(text)) for name, pattern in _SCRIPT_PATTERNS.items()}
    total = sum(counts.values())
    return sum(counts[name] for name in scripts) / total if total else 1.0


def other_language(text: str, wanted: str) -> tuple[str, float] | None:
    """The language of a caption, where it is surely not the one wanted.

    The script decides first: it is certain and costs nothing. Texts in the right script go to a
    classifier over character n-grams; it is heeded only where it is sure and the function words
    agree, since short texts full of names are easily mistaken.

    Args:
        text: A caption.
        wanted: Language code asked for; codes that are not known are never contradicted.

    Returns:
        English name of the language or script, and how sure (0..1); None where it may be right.

    Example:
        >>> other_language("Ein roter Bus steht links neben dem grauen Haus.", "en")[0]
        'German'
        >>> other_language("A red bus stands beside the grey house.", "en") is None
        True
    """
    short = wanted.split("-")[0].lower()
    if short not in LANGUAGES:
        return None
    scripts = _WRITTEN_IN.get(short, ("latin",))
    if script_share(text, scripts) < 0.5:
        found = max(_SCRIPTS, key=lambda name: len(_SCRIPT_PATTERNS[name].findall(text)))
        return _script_language(text, found), 1.0
    words = words_of(text)
    # Kana tells Japanese from Chinese; the other scripts of one language have nothing left to tell.
    if short == "zh" and _SCRIPT_PATTERNS["kana"].search(text):
        return "Japanese", 0.95
    if short in {"ja", "zh", "ko", "th", "el", "he", "hi", "bn", "ta"} or len(words) < 4:
        return None
    english = sum(word in _ENGLISH for word in words) / len(words)
    if short == "en" and english >= 0.25:
        return None
    ranked = _rank(text)
    code = ranked[0][0]
    near = {short}.union(*(kin for kin in _KIN if short in kin))
    # Near languages share the doubt between them, so what counts is how little is left for the one wanted.
    sure = 1 - sum(share for other, share in ranked if other in near)
    if code in near or (code == "en" and english < 0.12):
        return None
    needed = _SURE if short != "en" or english > 0.08 else 0.8
    return (LANGUAGES.get(code, code), sure) if sure >= needed else None


def _script_language(text: str, script: str) -> str:
    names = {
        "han": "Chinese", "kana": "Japanese", "hangul": "Korean", "thai": "Thai", "greek": "Greek",
        "hebrew": "Hebrew", "devanagari": "Hindi", "bengali": "Bengali", "tamil": "Tamil",
    }  # fmt: skip
    if script == "han" and _SCRIPT_PATTERNS["kana"].search(text):
        return "Japanese"
    if script in names:
        return names[script]
    code, sure = _rank(text)[0]
    return LANGUAGES.get(code, code) if sure > 0.5 else f"{script} script"


@lru_cache(maxsize=4096)
def _rank(text: str) -> tuple[tuple[str, float], ...]:
    return tuple((str(code), float(share)) for code, share in _identifier().rank(text))


@lru_cache(maxsize=1)
def _identifier() -> Any:
    # Loading takes half a second, so it waits for the first caption whose function words leave a doubt.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    known = set(identifier.nb_classes)
    identifier.set_languages([code for code in LANGUAGES if code in known])
    return identifier
