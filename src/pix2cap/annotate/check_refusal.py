"""Refusals, error messages, markup and placeholders in place of a caption."""

from __future__ import annotations

import re
from typing import Final

from pix2cap.annotate.findings import Finding

_REFUSAL: Final = re.compile(
    r"""^\W*(?:
      (?:i\W?m|i\ am|we\ are|we\W?re)\ (?:very\ |so\ |really\ )?(?:sorry|unable|not\ able|afraid
          |not\ sure)\b
    | (?:sorry|apologies|unfortunately)\b[,.!:;]?\s+(?:but\s+)?(?:i|we|this|the|there|it|for|no
        |an?\ error)\b
    | my\ apologies\b | i\ apologi[sz]e\b
    | (?:i|we)\ (?:can\W?t|cannot|can\ not|do\ not|don\W?t|could\ not|couldn\W?t|am\ unable|will\ not
        |won\W?t|must)\b
    | as\ an?\ (?:ai|artificial|language|large\ language|vision|virtual\ assistant)\b
    | (?:it\ is|it\W?s)\ not\ possible\ to\b
    | unable\ to\ \w+ | cannot\ (?:be\ )?(?:see|identif|describ|determin|assist|provid|process
        |generat|caption)\w*
    | (?:n\s?/\s?a|null|none|nil|nan|undefined|unknown|todo|tbd|empty|placeholder|caption|description
        |string)\W*$
    | (?:no|not)\ (?:caption|description|answer|response|content|text|data|available|applicable
        |visible|found)\W*$
    | no\ (?:caption|description|valid\ response|answer)\b[\w\s]*(?:available|possible|provided
        |generated)
    | (?:not|nothing)\ (?:visible|discernible)\W*$ | insert\ caption\b | your\ caption\b
        | lorem\ ipsum\b
    | (?:internal\ |server\ |api\ |network\ |request\ |unknown\ |parse\ 
        |time-?out\ )*error\s*[(\[]?(?::|\#|-\s|\d|\bcode\b|\W*$)
    | (?:http[/ ]?[\d.]*\s*)?(?:4\d\d|5\d\d)\s+(?:error|too\ many|bad|internal|service|gateway
        |not\ found|unauthori|forbidden)
    | (?:too\ many\ requests|bad\ gateway|service\ unavailable|gateway\ time-?out|request\ timed\ out
        |bad\ request)\b
    | traceback\ \( | exception\b\s*: | warning\s*: | (?:es\ tut\ mir\ leid|tut\ mir\ leid
        |leider\ kann)\b
    | (?:je\ suis\ )?désolée?\b | lo\ siento\b | (?:mi\ )?dispiace\b | desculpe\b | 很?抱歉 | 对不起 | 申し訳
    )""",
    re.I | re.X,
)
_ERROR_ANYWHERE: Final = re.compile(
    r"""\b(?:rate[\ -]limit\w*|quota\ exceeded|exceeded\ your\ (?:current\ )?quota|invalid\ api\ key
        |api\ key
    | content[\ _-](?:policy|filter|moderation)|safety\ (?:policy|guidelines|system)
        |maximum\ context\ length
    | (?:cannot|can\W?t|unable\ to)\ (?:assist|help|comply)\ with|as\ an\ ai\ (?:language\ )?model
        |language\ model
    | (?:i|we)(?:\ am|\W?m|\ are|\W?re)?\ (?:sorry|unable\ to|cannot\ (?:see|identify|describe
        |determine|provide))
    | (?:connection|request|server)\ (?:refused|timed\ out|reset\ by\ peer)|status\ code|JSONDecodeError
    | \w+(?:Error|Exception)\s*:)""",
    re.I | re.X,
)
_MARKUP: Final = re.compile(
    r"""</?[a-z!][a-z0-9]*(?:\s[^<>]*)?/?> | <!doctype | &(?:nbsp|lt|gt|amp|quot);
    | [{\[]\s*["'{\[] | ["']\s*:\s*["'{\[\dtfn] | ["']\s*[}\]] | \\[nu"] | ``` | \{\{ | \}\}
        | <\|\w+\|> | \[/?INST\]
    | \\u[0-9a-f]{4} | [\[<{](?:caption|description|text|object|insert|your|class)[^\]>}]*[\]>}]""",
    re.I | re.X,
)


def check_refusal(text: str) -> Finding | None:
    """A refusal, an error message, markup or a placeholder in place of a caption."""
    if match := _MARKUP.search(text):
        return Finding("refusal", f"The caption holds markup or JSON ({match[0]!r}); write plain words only.")
    if match := _REFUSAL.search(text) or _ERROR_ANYWHERE.search(text):
        return Finding(
            "refusal",
            f"The text ({match[0].strip()[:40]!r}) is a refusal or an error, not a caption; describe what can"
            ' be seen, or answer with "visible": false.',
        )
    if not any(char.isalpha() for char in text):
        return Finding("refusal", "The caption holds no words.")
    return None
