"""What people read instead of the actions' names as the log writes them, the same wherever an action is told."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from dash_app import formatting
from grupa_pipeline.vocabulary.action_names import readable


@dataclass(frozen=True)
class ActionLabels:
    """Labels by action; an action without one has its name in words.

    Example:
        >>> ActionLabels.of([("proposal_view", "proposal view")]).label("proposal_view")
        'proposal view'
    """

    labels: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, catalog: Iterable[tuple[str, str | None]]) -> "ActionLabels":
        """Labels from rows (action, label) of `event_catalog`.

        What a person or a model wrote stays. Elsewhere it is the name in words, without a one-letter prefix such as that of
        `A_SENT`, unless two actions would then be called the same: these keep it.
        """
        rows = list(catalog)
        times = Counter(formatting.words_of(action) for action, _ in rows)
        return cls(
            {
                action: label
                if label and label != readable(action)
                else formatting.words_of(action, whole=times[formatting.words_of(action)] > 1)
                for action, label in rows
            }
        )

    def label(self, action: str) -> str:
        """The label of `action`."""
        return self.labels.get(action) or formatting.words_of(action)

    def in_text(self, text: str, names: Sequence[str]) -> str:
        """`text` of the pipeline with `names` (actions, or values such as a feature's) as they are read; whole names only."""
        return self._replace(text, [name for name in names if name and self.label(name) != name])

    def in_prose(self, text: str) -> str:
        """`text` of the pipeline with every action of the catalogue as it is read, where the log joins words in its name.

        An action of one plain word stays: it may be a word of the sentence.
        """
        return self._joined.sub(lambda found: self.label(found.group()), text) if self._joined else text

    @cached_property
    def _joined(self) -> re.Pattern[str] | None:
        names = [name for name in self.labels if "_" in name and not name.isspace()]
        return _whole(names) if names else None

    def _replace(self, text: str, names: Sequence[str]) -> str:
        return _whole(names).sub(lambda found: self.label(found.group()), text) if names else text


def _whole(names: Sequence[str]) -> re.Pattern[str]:
    """Matches any of `names`, the longest first, where no letter or digit goes on."""
    alternatives = "|".join(re.escape(name) for name in sorted(set(names), key=lambda name: (-len(name), name)))
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)")
