r"""SQL that brings the text of a time into one form: blanks, zones and the order of its parts, without reading it.

Only what can mean one thing is rewritten: ISO 8601 in all its forms, a month by its name, years that come first. Days and months
as numbers keep their order. It is the slow path: most times are read without it.
"""

from grupa_pipeline.sql import quoted

BLANKS = r"[\s\v\pZ\x{85}]"
"""Characters that look like a blank, in a regular expression of DuckDB or of Arrow."""
INVISIBLE = r"[\x{AD}\x{180E}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2064}\x{2066}-\x{2069}\x{FEFF}]"
"""Characters of no width: soft hyphens, zero width blanks, marks of the direction of writing, byte order marks."""
MEANINGLESS = r"[\x{AD}\x{180E}\x{200B}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2064}\x{2066}-\x{2069}\x{FEFF}]"
"""Those of them that mean nothing inside a text either: a joiner (U+200C, U+200D) is part of emoji and of some languages."""
TRIMMED = "".join(
    map(chr, (*range(9, 14), 28, 29, 30, 31, 32, 0x85, 0xA0, 0xAD, 0x1680, 0x180E, *range(0x2000, 0x2010)))
) + "".join(map(chr, (*range(0x2028, 0x2030), 0x205F, *range(0x2060, 0x2065), *range(0x2066, 0x206A), 0x3000, 0xFEFF)))
"""The same characters, those of both."""
TRIMMED_ASCII = "".join(character for character in TRIMMED if character.isascii())

_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?"
_WORDS = (
    (INVISIBLE, ""),
    (BLANKS + "+", " "),
    (r"^ | $", ""),
    (r" ?\([^()]*\)$", ""),  # JavaScript's zone in words
    (r"(\d) ?[Aa]\.? ?[Mm]\b\.?", r"\1 AM"),
    (r"(\d) ?[Pp]\.? ?[Mm]\b\.?", r"\1 PM"),
    (r"(\d) ?(?i:uhr|hrs?|hours|h)$", r"\1"),
    (rf"({_CLOCK}) (\S+) (\d{{4}})$", r"\1 \3 \2"),  # Unix's date: the zone before the year
    (rf"({_CLOCK} ?[+-]\d{{2}}:?\d{{2}})(?: (?:[A-Z]+|[+-]\d{{2,4}}))?(?: m=[+-][\d.]+)?$", r"\1"),  # Go, Ruby
    (r"(Z|[+-]\d{2}:?\d{2})\[[^\]]*\]$", r"\1"),  # Java: the offset decides
    (r"\[([^\]]+)\]$", r" \1"),
    (r" ?(?:GMT|UTC|UT) ?([+-])(\d)((?::\d{2})?)$", r" \10\2\3"),
    (r" ?(?:GMT|UTC|UT) ?([+-]\d{2}(?::?\d{2})?)$", r" \1"),
    (r"(\d|[AP]M) ?(?:[Uu][Tt][Cc]?|[Gg][Mm][Tt]|[Zz])$", r"\1 +00:00"),
    (rf"({_CLOCK}(?: [AaPp]M)?)([+-]\d{{2}})", r"\1 \2"),
    (r"(:\d{2})[.,](\d{1,6})\d*", r"\1.\2"),
)
_DATES = (
    (r"^(?i:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? ", ""),
    (r"^(\d{1,2})(?:st|nd|rd|th)?[ ./-]([A-Za-z]{3})[a-z]*\.?[ ,./-]+(\d{4})\b[ ,:T]*(?:at )?", r"\3-\2-\1 "),
    (r"^([A-Za-z]{3})[a-z]*\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})\b[ ,:T]*(?:at )?", r"\3-\1-\2 "),
    (rf"^([A-Za-z]{{3}})[a-z]*\.? (\d{{1,2}}) ({_CLOCK}) (\d{{4}})\b", r"\4-\1-\2 \3"),
    (r"^(\d{4})[ ./-]([A-Za-z]{3})[a-z]*[ ./-](\d{1,2})\b[ ,:T]*(?:at )?", r"\1-\2-\3 "),
    (r"^(\d{4})[./](\d{1,2})[./](\d{1,2})\b[ ,T]*", r"\1-\2-\3 "),
    (r"^(\d{4}-\d{1,2}-\d{1,2})\b[ ,Tt]+(?:at )?", r"\1 "),
    (r"^ | $", ""),
)
_ISO = (
    (r"^(\d{4})(\d{2})(\d{2})((?:[Tt ]\d{2}.*)?)$", r"\1-\2-\3\4"),
    (r"^(\S{10})[Tt ](\d{2})(\d{2})((?:\d{2})?)((?:[.,Z+ -].*)?)$", r"\1T\2:\3:\4\5"),
    (r"(\d{2}:\d{2}):((?: ?[Z+-].*)?)$", r"\1:00\2"),
    (r"^(\S{10}[Tt ]\d{2})((?: ?[Z+-].*)?)$", r"\1:00:00\2"),
    (r"(:\d{2}),(\d+)", r"\1.\2"),
    (r"(\d) ([+-]\d{2})", r"\1\2"),
    (r"^(\S{10})t", r"\1T"),
)
FORMATS = tuple(
    f"%Y-{month}-%d{clock}"
    for month in ("%m", "%b")
    for clock in ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I %p", " %I:%M %p", " %I:%M:%S %p", " %I:%M:%S.%f %p")
)
"""The strptime formats of `ordered_sql`'s texts, without their zones, that a cast does not read."""
LETTERS = r"\d:\d{2}[\d:.]*(?: \d{4})?(?: [AP]M)? ?([A-Za-z]{1,6})$"
"""Matches a plain text that ends in zone letters (or AM), which are its group."""
ZONED = r"(?::\d{2}|[T ]\d{2,6})(?:\.\d+)?(?: [AP]M)? ?(?:Z|[+-]\d{2}(?::?\d{2}){0,2})$|[A-Za-z]+/[A-Za-z_/+-]+$"
"""Matches a plain text of a time that names its zone."""


def plain_sql(text: str) -> str:
    """SQL for `text` without odd blanks, its zone at the end as an offset after a blank where it has one."""
    return _replaced(text, _WORDS)


def ordered_sql(plain: str) -> str:
    """SQL for a plain text with the year first, where its order is certain."""
    return _replaced(plain, _DATES)


def iso_sql(ordered: str) -> str:
    """SQL for an ordered text in the form of ISO 8601 that a cast reads."""
    return _replaced(ordered, _ISO)


def _replaced(text: str, replacements: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in replacements:
        text = f"regexp_replace({text}, {quoted(pattern)}, {quoted(replacement)}, 'g')"
    return text
