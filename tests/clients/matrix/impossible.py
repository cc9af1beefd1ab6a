"""The cells that cannot be filled, and why.

Each is tested all the same: the gateway must refuse the request, or list what it left out."""

from dataclasses import dataclass

from .words import Failed, Format, Got


@dataclass(frozen=True)
class Impossible:
    scenario: str
    vendors: tuple[Format, ...]
    paths: tuple[str, ...]
    """What `x-tidegate-dropped` must list: one of these, or something within."""
    reason: str


TABLE = (
    Impossible("stop sequence", ("responses",), ("stop", "stop_sequences", "generationConfig.stopSequences"),
               "Responses has no stop sequences"),
    Impossible("several choices", ("responses", "anthropic"), ("n", "generationConfig.candidateCount"),
               "Responses and Anthropic give one answer"),
    Impossible("log probabilities", ("anthropic",),
               ("logprobs", "top_logprobs", "include", "generationConfig.responseLogprobs"),
               "Anthropic tells no log probabilities"),
    Impossible("spoken answer", ("anthropic",), ("modalities", "audio", "generationConfig.responseModalities"),
               "Anthropic does not speak"),
)  # fmt: skip


def lookup(scenario: str, client: Format, vendor: Format) -> Impossible | None:
    if client == vendor:
        return None
    return next((row for row in TABLE if row.scenario == scenario and vendor in row.vendors), None)


def problems(row: Impossible, got: Got | Failed) -> list[str]:
    """Neither refused nor told."""
    if isinstance(got, Failed) and got.status == 400:
        return []
    told = [path.strip() for path in got.dropped.split(",")]
    if any(path == wanted or path.startswith((f"{wanted}.", f"{wanted}[")) for path in told for wanted in row.paths):
        return []
    said = f"{got.status}: {got.message}" if isinstance(got, Failed) else "an answer"
    return [f"neither refused nor listed as dropped: {said}, dropped {got.dropped!r}"]
