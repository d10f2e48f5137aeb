"""Abbreviations that the PTB tokeniser knows, as alternatives of regular expressions.

Case is free unless a letter stands in brackets: `[A]rk` is the state, `ark` a word at the end of a sentence.
"""

from __future__ import annotations

from typing import Final


def _alternatives(*lists: str) -> str:
    return "(?ai:" + "|".join(word for words in lists for word in words.split()) + ")"


def _capitalised(words: str) -> str:
    """Words whose first letter must be a capital, the rest in any case."""
    return "|".join(f"{word[0]}(?ai:{word[1:]})" for word in words.split())


MONTHS_AND_DAYS: Final = """jan feb mar apr jun jul aug sept? oct nov dec
mon tues? wed thu thurs fri"""
STATES: Final = """ala ariz calif colo conn ct dak fla ga ind kans? ky md mich minn mo mont neb nev okla
penn tenn va vt wisc? wyo"""
STATES_CAPITALISED: Final = "Az Ark Del Ill La Mass Miss Ore Pa Tex Wash"
FIRMS: Final = "inc cos? corp ltd plc rt bancorp bhd assn univ intl sys"
OTHERS: Final = r"tel est ext sq jr sr bros (?:ed|ph)\.d blvd rd esq etc al seq bldg"

PLAIN: Final = (
    f"{_alternatives(MONTHS_AND_DAYS, STATES, FIRMS, OTHERS)}|{_capitalised(STATES_CAPITALISED)}"
    "|(?ai:pp?t)[ye](?ai:s?)"
)
"""Keep their period in any place."""

_TITLES: Final = """mr mrs ms drs? profs? sens? reps? attys? lt col gen messrs govs? adm rev maj sgt cpl pvt
capt ste? ave pres lieut hon brig co?mdr pfc spc supts? det mt ft adj adv asst assoc ens insp mlle mme msgr
sfc"""
_MORE: Final = r"vs alex wm jos cie a\.k\.a cf treas ph invt elec natl dept"
TITLES: Final = f"{_alternatives(_TITLES, _MORE)}|{_capitalised('Miss')}|(?ai:m)[ft](?ai:g)"
"""Keep their period too: a name is expected after them."""

BODIES: Final = r"(?ai:(?:canada|sino|korean|eu|japan|non)-u\.s|u\.s\.-(?:u\.k|u\.s\.s\.r))"
"""Hyphenated names of states, written with periods."""

BEFORE_NUMBERS: Final = "(?:ca|figs?|prop|nos?|art|bldg|pp|op)"
"""Keep their period before a number only."""

SENTENCE_STARTERS: Final = _capitalised(
    r"""About According Additionally After An A As At But Earlier He Her Here However If In It Last Many More
    Mr\. Ms\. Now Once One Other Our She Since So Some Such That The Their Then There These They This We When
    While What Yet You"""
)
"""After a single letter with a period these begin a sentence, so that the period is the sentence's."""

FILE_KINDS: Final = _alternatives(
    """bat bmp class cgi cpp c dll docx doc exe gif gz html htm h jar java jpeg jpg mov mp3 pdf php pl png ppt
    ps py sql tar txt wav xml x zip"""
)
"""What a file's name can end in."""
