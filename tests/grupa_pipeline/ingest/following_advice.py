"""Reads a log as a person does who does what each refusal says, until it is read or the advice is no option."""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from grupa_pipeline.ingest.errors import UnusableFileError
from grupa_pipeline.ingest.ingest import IngestedFile

_OPTION = re.compile(r"--(columns|timezone|timestamp-format|encoding) ('[^']*'|[^\s']+)|--(accept-rejects)")
_MOST_STEPS = 3


@dataclass
class Advice:
    """What became of a log.

    Attributes:
        file: The log as it was read in the end; None where it was not.
        refusals: The sentences on the way.
        options: What they said to add.
    """

    file: IngestedFile | None = None
    refusals: list[str] = field(default_factory=list)
    options: dict[str, str | bool] = field(default_factory=dict)


def follow(ingest: Callable[..., IngestedFile], content: bytes, name: str, **said: str) -> Advice:
    """Ingest `content` under `name`, and again with the options that each refusal names, the first proposal of each."""
    advice = Advice(options=dict(said))
    for _ in range(_MOST_STEPS):
        try:
            advice.file = ingest(content, name=name, **advice.options)
            return advice
        except UnusableFileError as refusal:
            advice.refusals.append(str(refusal))
            options = options_in(str(refusal), advice.options)
            if "COLUMN" in str(options.get("columns", "")) or options.items() <= advice.options.items():
                return advice
            advice.options |= options
    return advice


def options_in(sentence: str, said: Mapping[str, str | bool] = MappingProxyType({})) -> dict[str, str | bool]:
    """The options that a refusal says to add, the first value of each that is not what was `said`; `--accept-rejects` only
    where nothing else helps."""
    options: dict[str, str | bool] = {}
    for name, value, accept in _OPTION.findall(sentence):
        if name:
            [word] = shlex.split(value.rstrip(".,;)"))
            if said.get(name.replace("-", "_")) != word:
                options.setdefault(name.replace("-", "_"), word)
        elif accept and not options:
            options["accept_rejects"] = True
    return options
