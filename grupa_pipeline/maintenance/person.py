"""Patterns that recognise a person's id: as a value, as a field of a raw record, and within a text.

Knows no files and no tables. The patterns are for RE2 (DuckDB, Arrow) and hold in Python too.
"""

import json
import re
from dataclasses import dataclass

ERASED = "[erased]"

_PLAIN = re.compile(r"\d{1,6}|[^\W\d_]+")


@dataclass(frozen=True)
class Person:
    """A person by their id in the logs.

    Example:
        >>> re.sub(Person("u-17").in_text, rf"\1{ERASED}\2", "asked u-17 twice")
        'asked [erased] twice'
    """

    user_id: str

    @property
    def is_plain(self) -> bool:
        """Whether the id is a short number or a plain word, which may mean something else within a text."""
        return _PLAIN.fullmatch(self.user_id) is not None

    @property
    def in_text(self) -> str:
        """Pattern of the id within a text; a plain id matches only after a word that means a user.

        Groups 1 and 2 are the text around it.
        """
        if not self.is_plain:
            return self.as_word
        before = r"((?i:\buser(?:[ _-]?id)?)[\"']?\s*(?:is\b|[:=#])?\s*[\"']?)"
        return before + re.escape(self.user_id) + r"($|\W)"

    @property
    def as_word(self) -> str:
        """Pattern of the id as a word of its own in a text, whatever it means there."""
        return r"(^|\W)" + re.escape(self.user_id) + r"($|\W)"

    @property
    def erased_in_json(self) -> str:
        """What replaces the id in JSON: `null` where the id is a JSON value itself, which may be unquoted there."""
        try:
            json.loads(self.user_id)
        except ValueError:
            return ERASED
        return "null"

    @property
    def as_field(self) -> str:
        """Pattern of the id as a field of a delimited record, quoted or not."""
        return r"(?:^|[,;\t|])[ \"']*" + re.escape(self.user_id) + r"[ \"']*(?:$|[,;\t|\r\n])"

    @property
    def as_json_value(self) -> str:
        """Pattern of the id as the value of a key of a JSON object."""
        return r"\"\s*:\s*\"?" + re.escape(self.user_id) + r"\"?\s*(?:[,}]|$)"

    @property
    def in_record(self) -> str:
        """Pattern of the id in a raw record: as a field, or within a field's text."""
        return f"(?:{self.as_field})|(?:{self.in_text})"
