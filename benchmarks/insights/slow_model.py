"""Clusters that a perfect but slow model writes for within the default limits: `python -m benchmarks.insights.slow_model`.

The model answers one question at a time, so a question that is asked while another is answered waits for it. Time is a clock of
its own.
"""

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from benchmarks.insights.wording_stability import SimulatedUsers, catalog
from grupa_pipeline.insights.analysis_context import AnalysisContext
from grupa_pipeline.insights.call_limits import LOCAL, CallLimits
from grupa_pipeline.insights.evidence import measure_evidence
from grupa_pipeline.insights.llm_client import LlmClient
from grupa_pipeline.insights.prompting import request_texts
from grupa_pipeline.insights.providers import CallFailure, ChatModel, FailureKind, ModelResponse
from grupa_pipeline.vocabulary.enums import CallOutcome
from tests.grupa_pipeline.insights.model_server import good_answer

CLUSTERS = 9


class OneSlotModel(ChatModel):
    """A model with one slot that answers every question well after `seconds` on its own clock."""

    def __init__(self, seconds: float, limit: float) -> None:
        self.llm, self.provider, self.name = "ollama:slow", "ollama", "slow"
        self.now = 0.0
        self._seconds, self._limit = seconds, limit
        self._slot = threading.Lock()

    def ask(self, messages: Sequence[tuple[str, str]], schema: Mapping[str, Any]) -> ModelResponse:
        """A good answer, or a time-out if the question waited and took longer than the limit of a call."""
        asked = self.now
        with self._slot:
            self.now += self._seconds
            if self.now - asked > self._limit:
                raise TimeoutError
        return ModelResponse(good_answer("\n\n".join(text for _, text in messages)), 100, 20)

    def classify_error(self, error: BaseException) -> CallFailure:
        """A time-out, which is all that goes wrong here."""
        return CallFailure(FailureKind.RETRY, "did not answer in time", CallOutcome.TIMEOUT)


def clusters_by_model(seconds: float, limits: CallLimits = LOCAL) -> int:
    """Of nine clusters, those with names and texts by the model."""
    entries = catalog()
    population = SimulatedUsers(groups=CLUSTERS, users=1500)
    features, labels = population.table(entries["feature"])
    sizes = labels.value_counts(normalize=True).sort_index()
    clusters = sizes.rename_axis("cluster_id").rename("share").reset_index()
    context = AnalysisContext(measure_evidence(features, labels, entries), clusters, entries)
    model = OneSlotModel(seconds, limits.call_seconds)
    client = LlmClient(model, limits, prompt_version="v", now=datetime(2026, 1, 1), clock=lambda: model.now)
    texts = request_texts(context, list(clusters["cluster_id"]), {}, client)
    return len(texts.names.keys() & texts.drafts.keys())


def main() -> None:
    """Measure and print."""
    for seconds in (10, 25, 40, 90):
        print(f"{seconds} s a question, one slot: {clusters_by_model(seconds)} of {CLUSTERS} clusters by the model")


if __name__ == "__main__":
    main()
