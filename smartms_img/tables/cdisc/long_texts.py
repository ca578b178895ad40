"""Texts of any length in the texts of XPT files, which are short and ASCII."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_TEXT = 200
"""Bytes that a text of an XPT file can have."""


def in_ascii(text: str) -> str:
    """Return a text with escapes for the characters beyond ASCII, which XPT does not know."""
    return text.encode("ascii", "backslashreplace").decode()


def longest_parts(texts: Sequence[str]) -> tuple[int, ...]:
    """Return the length of the longest text, in characters, of each part that texts have."""
    # Most texts are shorter, and differ in millions of ways: they are not split.
    short = max((len(text) for text in texts if len(text) <= LONGEST_TEXT), default=0)
    longest: list[int] = [short]
    for text in texts:
        if len(text) > LONGEST_TEXT:
            sizes = [len(part) for part in split_text(text)]
            longest += [0] * (len(sizes) - len(longest))
            longest[: len(sizes)] = map(max, sizes, longest)
    return tuple(longest)


def text_part(text: str, position: int) -> str:
    """Return one part of a text; empty where it has fewer."""
    parts = split_text(text)
    return parts[position] if position < len(parts) else ""


def split_text(text: str) -> list[str]:
    """Return a text in parts; none but the last ends with a blank, which XPT drops."""
    rest, parts = text, []
    while len(rest) > LONGEST_TEXT:
        kept = rest[:LONGEST_TEXT].rstrip(" ")
        # A run of blanks that is longer than a part cannot be kept.
        size = len(kept) or LONGEST_TEXT
        parts.append(rest[:size])
        rest = rest[size:]
    return [*parts, rest]


def continued_name(name: str, position: int) -> str:
    """Return the name of the variable in which a text goes on, at most 8 characters.

    >>> continued_name("SRCFILE", 1), continued_name("NVREASND", 12)
    ('SRCFILE1', 'NVREAS12')
    """
    number = str(position)
    return name[: 8 - len(number)] + number
