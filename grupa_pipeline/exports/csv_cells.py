"""Texts in cells of CSV that no spreadsheet evaluates."""

import re

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_AFTER_A_SEPARATOR = re.compile(r"((?:;|(?<=.)\t) *)(?=[=+\-@＝＋－＠])", re.DOTALL)
"""Where commas are decimal points, spreadsheets split cells at semicolons, quoted or not."""


def defused(text: str) -> str:
    """Text for a CSV cell that no spreadsheet evaluates as a formula (OWASP, CSV injection), whichever separator it uses."""
    text = _AFTER_A_SEPARATOR.sub(r"\1'", text)
    return "'" + text if text.lstrip(" ").startswith(_FORMULA_STARTS) else text
