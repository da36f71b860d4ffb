"""The model that wants to be in service, and the one that is."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import polars as pl

from de_assets.assets.declare import asset_in
from de_assets.assets.derivation import Upstream
from de_assets.storage.model_registry import ModelRegistry, State, card
from de_assets.transforms.learning import (
    GateVerdict,
    LeadModel,
    NotEnoughEvidence,
    compare,
    fit,
)

MODELS = "models"
CANDIDATE = dg.AssetKey(["model", "lead_model_candidate"])
CHAMPION = dg.AssetKey(["model", "lead_model"])
POINTERS = {CANDIDATE: "candidate", CHAMPION: "champion"}


class ModelIOManager(dg.IOManager):
    """Keeps models in the registry; each of the two assets has a pointer that names its model."""

    def __init__(self, registry: ModelRegistry) -> None:
        self.registry = registry

    def handle_output(self, context: dg.OutputContext, obj: State) -> None:
        """Save a model and let the pointer name it; or say why there is none."""
        if isinstance(obj, LeadModel):
            context.add_output_metadata({"sha256": self.registry.save(obj)["sha256"]})
        self.registry.point(POINTERS[context.asset_key], obj)

    def load_input(self, context: dg.InputContext) -> State:
        """The model that the pointer names, checked against its digest."""
        return self.registry.follow(POINTERS[context.asset_key])


def model_assets(horizon_days: int) -> Sequence[dg.AssetsDefinition]:
    """The assets of stage `model`."""
    facts: dict[str, Any] = {
        "group_name": "model",
        "owners": ["team:data-science"],
        "kinds": {"scikitlearn"},
        "io_manager_key": MODELS,
        "code_version": "1",
    }
    labelled = asset_in(Upstream("features/training_set"), None, handed_as=pl.DataFrame)

    @dg.asset(
        key=CANDIDATE,
        description="A model fitted on the training set, with its card: the one that wants to be.",
        ins={"training_set": labelled},
        **facts,
    )
    def lead_model_candidate(training_set: pl.DataFrame) -> dg.Output[Any]:
        state = fit(training_set, horizon_days)
        return dg.Output(state, metadata=_metadata(state))

    @dg.asset(
        key=CHAMPION,
        description="The champion: the model that scores, after the gate.",
        ins={"candidate": dg.AssetIn(key=CANDIDATE), "training_set": labelled},
        check_specs=[
            dg.AssetCheckSpec(
                "gate",
                asset=CHAMPION,
                blocking=True,
                description="The candidate is no worse than the champion on the newest matured "
                "snapshots, beyond what chance allows.",
            )
        ],
        required_resource_keys={MODELS},
        **facts,
    )
    def lead_model(
        context: dg.AssetExecutionContext, candidate: object, training_set: pl.DataFrame
    ) -> Iterator[Any]:
        registry: ModelRegistry = getattr(context.resources, MODELS).registry
        champion = registry.follow("champion") if registry.has("champion") else None
        assert isinstance(candidate, LeadModel | NotEnoughEvidence)
        chosen, verdict = _choose(candidate, champion, training_set)
        yield dg.AssetCheckResult(
            check_name="gate",
            passed=verdict.is_passed,
            severity=dg.AssetCheckSeverity.ERROR,
            description=verdict.text,
        )
        if not verdict.is_passed:
            raise dg.Failure(
                f"The champion stays in service: {verdict.text}. To put the candidate in service "
                "all the same, see docs/runbooks/model.md.",
                allow_retries=False,
            )
        yield dg.Output(chosen, metadata=_metadata(chosen))

    return [lead_model_candidate, lead_model]


def _choose(
    candidate: State, champion: State | None, training_set: pl.DataFrame
) -> tuple[State, GateVerdict]:
    """Which of the two is in service from now on, and what the gate says of it."""
    if isinstance(candidate, NotEnoughEvidence):
        if isinstance(champion, LeadModel):
            return champion, GateVerdict(is_passed=True, text=f"no candidate ({candidate.reason})")
        return candidate, GateVerdict(is_passed=True, text=f"no model yet: {candidate.reason}")
    if not isinstance(champion, LeadModel):
        return candidate, GateVerdict(
            is_passed=True, text="the first model; it beats a guess of the base rate"
        )
    if candidate.version == champion.version:
        return candidate, GateVerdict(is_passed=True, text="the candidate is the champion")
    newest = training_set.filter(pl.col("split") == "test")
    return candidate, compare(candidate, champion, newest)


def _metadata(state: State) -> dict[str, Any]:
    if isinstance(state, NotEnoughEvidence):
        return {"state": "not_enough_evidence", "reason": state.reason}
    numbers = {
        "test_rows" if name == "rows" else name: value
        for name, value in state.metrics.items()
        if isinstance(value, int | float)
    }
    return {"version": state.version, "card": dg.MetadataValue.md(card(state)), **numbers}
