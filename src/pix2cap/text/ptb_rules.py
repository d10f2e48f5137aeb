"""What a PTB token can look like: one rule a shape, in order of precedence.

The tokeniser takes, at each place of the text, the rule that reaches furthest, context included; of rules
that reach equally far, the first. Most rules therefore say little about each other. A rule's context is what
must follow for it to hold, without being part of the token.

The shapes are those of Stanford's PTBTokenizer 3.4.1, as COCO caption evaluation uses it, oddities included:
scores are compared across papers, so that a "better" token would be a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pix2cap.text import ptb_abbreviations as abbreviations
from pix2cap.text.ptb_letters import DIGITS, LETTERS, SYMBOLS, WORD_MARKS, character_class


@dataclass(frozen=True)
class Rule:
    """One shape of token.

    Args:
        first: Matches the characters that it can begin with.
        shape: The token, and its context after group 1 where it has one.
        finish: Makes the token from its text; None takes the text as it is, `drop` gives no token.
    """

    first: re.Pattern[str]
    shape: re.Pattern[str]
    finish: Callable[[str], str] | None = None


def any_case(pattern: str) -> str:
    """Lets ASCII letters of a pattern match in either case, and no others (no long s, no Kelvin sign)."""
    return f"(?ai:{pattern})"


_QUOTE_MARKS: Final = str.maketrans(
    {"\x91": "`", "‘": "`", "‛": "`", "‹": "`", "\x92": "'", "’": "'", "›": "'"}
    | dict.fromkeys("\x93“«", "``")
    | dict.fromkeys("\x94”»", "''")
)
_CURRENCY: Final = str.maketrans({"¢": "cents", "£": "#"} | dict.fromkeys("\x80¤₠€", "$"))
_FRACTIONS: Final = str.maketrans({"¼": "1/4", "½": "1/2", "¾": "3/4", "⅓": "1/3", "⅔": "2/3"})
_BRACKETS: Final = str.maketrans(
    {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
)
_FACE: Final = str.maketrans({"(": "-lrb-", ")": "-rrb-"})
_TELEPHONE: Final = str.maketrans({"(": "-lrb-", ")": "-rrb-", " ": "\xa0"})


def drop(text: str) -> str:
    """No token: white space, and marks that the caption metrics take out in any case."""
    return ""


def without_soft_hyphens(text: str) -> str:
    """A soft hyphen is a place to break the line, not a letter."""
    return text.replace("\xad", "") or "-"


def _plain_ampersand(text: str) -> str:
    return re.sub("(?ai:&amp;)", "&", text)


def _plain_quotes(text: str) -> str:
    return text.replace("&apos;", "'").translate(_QUOTE_MARKS)


def _dashes(text: str) -> str:
    return "--" if len(text) in (3, 4) else text


_L: Final = character_class(LETTERS)
_D: Final = character_class(DIGITS)
_M: Final = character_class(WORD_MARKS)
_ENTITY: Final = any_case("&") + "[aeiouAEIOU]" + any_case("(?:acute|grave|uml);")
LETTER: Final = rf"(?:[{_L}{_M}]|{_ENTITY})"
ALNUM: Final = rf"(?:[{_L}{_M}{_D}]|{_ENTITY})"
_X: Final = rf"[{_L}{_D}]"
_SPACE: Final = "[ \\t\xa0\u2000-\u200a\u3000]"
_BREAK: Final = "[\\n\\r\\x0b\\x0c\x85\u2028\u2029]"
_BLANK: Final = f"(?:{_SPACE}|{_BREAK})"
_APOS: Final = "(?:['\x92’]|" + any_case("&apos;") + ")"
_APOS_LIKE: Final = "(?:['\x92’`\x91‘‛]|" + any_case("&apos;") + ")"
_PAUSE: Final = "[,;:、]"
WORD: Final = rf"{LETTER}{ALNUM}*(?:[.!?]{LETTER}{ALNUM}*)*"
_CLITIC: Final = _APOS + "(?:[msdMSD]|" + any_case("re|ve|ll") + ")"
_NOT: Final = any_case("n") + _APOS_LIKE + any_case("t")
_ATTRIBUTE: Final = r"""[A-Za-z][A-Za-z0-9_:.\-]*(?:[ ]*=[ ]*(?:'[^']*'|"[^"]*"))?"""
MARKUP: Final = (
    r"<(?:[!?][A-Za-z\-][^>\r\n]*|/[A-Za-z][A-Za-z0-9_:.\-]*"
    rf"|[A-Za-z][A-Za-z0-9_:.\-]*(?:[ ]+{_ATTRIBUTE})*[ ]*/?)[ ]*>"
)

_WORDLIKE: Final = rf"[{_L}{_M}&]"
_ANY_APOS: Final = "['\x92’&]"
_NUMERIC: Final = rf"[{_D}.:,\xad٫٬+\-]"


def _rule(first: str, shape: str, finish: Callable[[str], str] | None = None) -> Rule:
    return Rule(re.compile(first), re.compile(shape), finish)


def _split_words() -> list[Rule]:
    """Words that the treebank writes as two, where nothing longer begins there."""
    halves = ["(can)not", "('t)was", "('t)is", "(gon)na", "(got)ta", "(lem)me", "(gim)me", "(wan)na"]
    return [
        _rule("[cC]", any_case(r"c\+\+")),
        _rule("[cfCF]", any_case("[cf]#")),
        *(_rule(f"[{h[1]}{h[1].upper()}]", any_case(h)) for h in halves),
    ]


def _words() -> list[Rule]:
    """Words, and what an apostrophe cuts off them or keeps inside."""
    some_apos = rf"[{_L}]+[aeiouyAEIOUY]{_APOS_LIKE}[aeiouA-Z][{_L}]*"
    kept = [
        f"[ld]{_APOS}",
        f"j{_APOS}",
        f"dunkin{_APOS}",
        f"somethin{_APOS}",
        f"ol{_APOS}",
        r"cont'd\.?",
        "nor'easter",
        "c'mon",
        "e'er",
        "s'mores",
        "ev'ry",
        "li'l",
        "nat'l",
        f"o{_APOS_LIKE}o",
    ]
    clipped = [f"{_APOS}n{_APOS}?", f"{_APOS}(?:em|till?|cause)", "'twas"]
    return [
        _rule("[<]", MARKUP, lambda text: text.replace(" ", "\xa0")),
        _rule("[&\x96\x97–—―]", any_case("&(?:md|mdash|ndash);") + "|[\x96\x97–—―]", drop),
        _rule("&", any_case("&amp;"), _plain_ampersand),
        _rule("&", any_case("&(?:ht|tl|ur|lr|qc|ql|qr|odq|cdq|#[0-9]+);")),
        _rule(_WORDLIKE, f"({WORD}){_CLITIC}", without_soft_hyphens),
        _rule("[A-Za-z\xad]", f"([A-Za-z\xad]*[A-MO-Za-mo-z]\xad*){_NOT}", without_soft_hyphens),
        _rule(_WORDLIKE, WORD, without_soft_hyphens),
        _rule("[A-HJ-XZn]", rf"[A-HJ-XZn]{_APOS_LIKE}[{_L}]{{2,}}"),
        _rule(f"[{_L}]", some_apos),
        _rule("[ldjsocneLDJSOCNE]", any_case("|".join(kept))),
        _rule(_ANY_APOS, any_case("|".join(clipped)) + f"|{_APOS}[2-9]0" + any_case("s")),
        _rule("[yY]", any_case("(y" + _APOS + ")") + f"[{_L}]"),
    ]


def _addresses() -> list[Rule]:
    blank = r" \t\n\f\r"
    path = rf"(?:/[^{blank}\"<>|()]+[^{blank}\"<>|.!?(){{}},\-])?"
    # The second host takes no digit and no capital: a slip in the original's character class, kept.
    host = rf"[^{blank}\"`'<>|.!?(){{}},-_$]"
    mail = rf"[^{blank}\"<>|(){{}}.\xa0]"
    open_tag, close_tag = any_case("(?:&lt;|<)?"), any_case("(?:&gt;|>)?")
    return [
        _rule(
            "[hH]",
            any_case("https?://") + rf"[^{blank}\"<>|(){{}}]+[^{blank}\"<>|.!?(){{}},\-]",
        ),
        _rule("[wW]", any_case(r"www\.") + rf"(?:[^{blank}\"<>|.!?(){{}},]+\.)+[a-zA-Z]{{2,4}}{path}"),
        _rule(host, rf"(?:{host}+\.)+" + any_case("(?:com|net|org|edu)") + path),
        _rule(
            "[A-Za-z0-9&<]",
            rf"{open_tag}[a-zA-Z0-9][^{blank}\"<>|()\xa0{{}}]*@(?:{mail}+\.)*{mail}+{close_tag}",
        ),
        _rule("@", "@[a-zA-Z_][a-zA-Z_0-9]*"),
        _rule("#", f"#{LETTER}+"),
    ]


def _clitics_and_numbers() -> list[Rule]:
    number = rf"[\-+]?(?:[{_D}]*(?:[.:,\xad٫٬][{_D}]+)+|[{_D}]+)"
    bar = r"(?:\\?/|⁄)"
    return [
        _rule(_ANY_APOS, f"({_CLITIC})[^A-Za-z]", _plain_quotes),
        _rule("[nN]", f"({_NOT})[^A-Za-z]", _plain_quotes),
        _rule(f"[{_D}]", rf"[{_D}]{{1,2}}[\-/][{_D}]{{1,2}}[\-/][{_D}]{{2,4}}"),
        _rule(_NUMERIC, number, without_soft_hyphens),
        _rule("[⁺⁻₊₋⁰¹²³⁴-⁹₀-₉]", "[⁺⁻₊₋]?(?:[⁰¹²³⁴-⁹]+|[₀-₉]+)"),
        _rule(
            f"[{_D}]",
            rf"(?:[{_D}]{{1,4}}[- \xa0])?[{_D}]{{1,4}}{bar}[{_D}]{{1,4}}",
            lambda text: text.replace(" ", "\xa0"),
        ),
        _rule("[¼½¾⅓-⅞]", "[¼½¾⅓-⅞]", lambda text: text.translate(_FRACTIONS)),
        _rule(
            r"[\-cpasCPAS]",
            any_case(rf"-[rl][rcs]b-|c\.d\.s|pro-|anti-|s(?:&amp;|&)(?:p-500|ls)|cap{_APOS}n|c{_APOS}est"),
            _plain_ampersand,
        ),
        _rule(
            "[A-Za-z0-9]",
            r"[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}(?:\\?/[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}){1,2}",
        ),
        _rule("[A-Z$#]", r"[A-Z]*\$|#"),
        _rule(
            "[¢£¤¥\x80₠€؋฿₤￠￡￥￦]",
            "[¢£¤¥\x80₠€؋฿₤￠￡￥￦]",
            lambda text: text.translate(_CURRENCY),
        ),
    ]


def _abbreviations() -> list[Rule]:
    """Words that keep their period, or lose it before a certain word."""
    plain = rf"(?:{abbreviations.PLAIN})\."
    dotted = rf"(?:{abbreviations.BODIES}|[A-Za-z](?:\.[A-Za-z])*|{abbreviations.TITLES})"
    starters = rf"(?:{abbreviations.SENTENCE_STARTERS}|{MARKUP})"
    names = any_case(abbreviations.FILE_KINDS)
    return [
        _rule("[A-Za-z]", rf"([A-Za-z])\.{_BLANK}+{starters}{_BLANK}"),
        _rule("[abcfnopABCFNOP]", rf"({any_case(abbreviations.BEFORE_NUMBERS)}\.){_BLANK}?[{_D}]"),
        _rule("[pcPC]", any_case(r"((?:pt[ey]|co)\.)") + _SPACE + any_case("(?:ltd|lim)")),
        _rule("[A-Za-z]", rf"({plain})[\s\S]{{0,2}}"),
        _rule("[A-Za-z]", rf"{dotted}\."),
        _rule("[A-Za-z]", rf"({abbreviations.BODIES}){_BLANK}"),
        _rule(_ANY_APOS, rf"({_APOS}[0-9][0-9]){_BLANK}"),
        _rule(rf"[{_L}{_M}{_D}&]", rf"({ALNUM}+(?:\.{ALNUM}+)*\.{names})(?:{_BLANK}|[.?!,])"),
        _rule(_WORDLIKE, rf"({WORD}\.){_PAUSE}", without_soft_hyphens),
    ]


def _marks() -> list[Rule]:
    gap = "[- \xa0]"
    phone = (
        rf"(?:\([0-9]{{2,3}}\)[ \xa0]?|(?:\+\+?)?(?:[0-9]{{2,4}}{gap})?[0-9]{{2,4}}{gap})"
        rf"[0-9]{{3,4}}{gap}?[0-9]{{3,5}}"
        r"|(?:(?:\+\+?)?[0-9]{2,4}\.)?[0-9]{2,4}\.[0-9]{3,4}\.[0-9]{3,5}"
    )
    face = r"([<>]?[:;=][\-o*']?[()DPdpO\\{@|\[\]])[^A-Za-z0-9]"
    eye = r"[\-^x=~<>']"
    kaomoji = (
        rf"[\^x=~<>]\.\[\^[xX]=~<>\]|{eye}_{eye}|\({eye}[_.]?{eye}\)"
        r"|\([\^x=~<>']-[\^x=~<>'`]\)"
    )
    return [
        _rule(r"[(+0-9]", phone, lambda text: text.translate(_TELEPHONE)),
        _rule('"', '"', drop),
        _rule("&", any_case("&quot;"), lambda text: "''" if text == "&quot;" else text),
        _rule("[<&]", "<|" + any_case("&lt;"), lambda text: "<"),
        _rule("[>&]", ">|" + any_case("&gt;"), lambda text: ">"),
        _rule("[<>:;=]", face, lambda text: text.translate(_FACE)),
        _rule(r"[\^x=~<>\-'(]", kaomoji, lambda text: text.translate(_FACE)),
        _rule(r"[{}\[\]()]", r"[{}\[\]()]", lambda text: text.translate(_BRACKETS)),
        _rule("-", "-+", _dashes),
        _rule("[.\x85…]", "\\.{3,5}|(?:\\.[ \xa0]){2,4}\\.|[\x85…]", drop),
        _rule("[@#_*]", r"@+|#+|_+|\*+"),
        _rule(r"\\", r"(?:\\\*){1,3}"),
        _rule("[,;:、]", _PAUSE),
        _rule("[?!]", "[?!]+"),
        _rule("[./]", "[./]"),
        _rule("[¡¿;։؟۔܀-܂ߺ。]", "[¡¿;։؟۔܀-܂ߺ。]"),
    ]


def _compounds() -> list[Rule]:
    """Hyphenated words, firms joined by an ampersand, and what is left: quotes, symbols, white space."""
    quote = "`‘’‚‛“”\x91\x92\x93\x94„‟‹›«»"
    joint = rf"(?:[dDoOlL]{_APOS_LIKE}{_X})?{_X}+"
    thing = rf"{joint}(?:[-_֊‐‑]{joint})*"
    ascii_thing = (
        r"[A-Za-z0-9][A-Za-z0-9.,\xad]*"
        rf"(?:-(?:(?:{abbreviations.BODIES}|[A-Za-z](?:\.[A-Za-z])+)\.|[A-Za-z0-9\xad]+))+"
    )
    firm = "[A-Z]+(?:(?:[+&]|" + any_case("&amp;") + ")[A-Z]+)+"
    return [
        _rule("[A-Za-z0-9]", rf"({ascii_thing}\.){_PAUSE}", without_soft_hyphens),
        _rule("[A-Za-z0-9]", ascii_thing, without_soft_hyphens),
        _rule(_X, rf"({thing}\.){_PAUSE}"),
        _rule(_X, thing),
        _rule("[A-Z]", rf"({firm}\.){_PAUSE}", _plain_ampersand),
        _rule("[A-Z]", firm, _plain_ampersand),
        _rule("'", "(')[A-Za-z][^ \\t\\n\\r\xa0]", drop),
        _rule(_ANY_APOS, _CLITIC, _plain_quotes),
        _rule("[nN]", _NOT, _plain_quotes),
        _rule(f"['&{quote}]", f"''|[{quote}]{{1,2}}|{_APOS}", _plain_quotes),
        _rule("[<>]", "<<|>>"),
        _rule(f"[{character_class(SYMBOLS)}]", f"[{character_class(SYMBOLS)}]"),
        _rule(_SPACE, _SPACE + "+", drop),
        _rule("&", any_case("&nbsp;"), drop),
    ]


RULES: Final[tuple[Rule, ...]] = (
    *_split_words(),
    *_words(),
    *_addresses(),
    *_clitics_and_numbers(),
    *_abbreviations(),
    *_marks(),
    *_compounds(),
)
