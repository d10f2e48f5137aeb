"""The longest-match reader behind `ptb_tokens`."""

from __future__ import annotations

from pix2cap.text.ptb_rules import RULES, Rule

_rules_of: dict[str, tuple[Rule, ...]] = {}


def _rules_for(character: str) -> tuple[Rule, ...]:
    """The rules that can begin with a character, in order of precedence; remembered."""
    rules = tuple(rule for rule in RULES if rule.first.match(character))
    _rules_of[character] = rules
    return rules


def lex(text: str, start: int, stop: int) -> tuple[list[str], int]:
    """Reads tokens from `start` until a token or gap ends at or behind `stop`.

    Args:
        text: The caption with a line break behind it: some rules look one character ahead.
        start: Where to begin.
        stop: Tokens that begin here or later are left to the next call.

    Returns:
        The tokens in lower case, punctuation included, and where the last one ended.
    """
    tokens: list[str] = []
    place = start
    while place < stop:
        character = text[place]
        rules = _rules_of.get(character)
        if rules is None:
            rules = _rules_for(character)
        reach = 0
        best = None
        for rule in rules:
            match = rule.shape.match(text, place)
            if match is not None and match.end() > reach:
                reach, best, taken = match.end(), match, rule
        if best is None:
            place += 1
            continue
        end = best.end(1) if best.lastindex else reach
        token = text[place:end]
        if taken.finish is not None:
            token = taken.finish(token)
        if token:
            tokens.append(token.lower())
        place = end
    return tokens, place
