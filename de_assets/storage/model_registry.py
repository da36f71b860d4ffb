"""Models as `models/<name>/<version>/{model.skops, manifest.json, card.md}` and a champion pointer.

skops instead of pickle: loading runs no code but that of the types listed here, and only after the
file's SHA-256 is the one in the manifest.
"""

import hashlib
import json
import math
from typing import Any

from de_assets.errors import ModelError
from de_assets.storage.objects import ObjectStore
from de_assets.transforms.learning import LeadModel, NotEnoughEvidence

MODEL_NAME = "lead_model"
# What a calibrated histogram gradient boosting is made of; anything else is refused.
TRUSTED_TYPES = (
    "functools.partial",
    "numpy.dtype",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss._loss.CyHalfBinomialLoss",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.frozen._frozen.FrozenEstimator",
    "sklearn.utils.validation.check_array",
)
State = LeadModel | NotEnoughEvidence


class ModelRegistry:
    """The models of one lake."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def save(self, model: LeadModel) -> dict[str, Any]:
        """Keep a model and its card under its version; one that is there already, whole, stays.

        Writing it again would change its bytes under those who are loading it.

        Returns:
            The manifest.
        """
        import sklearn
        import skops.io

        manifest: dict[str, Any] = {
            "name": MODEL_NAME,
            "version": model.version,
            "scikit_learn": sklearn.__version__,
            "feature_hash": feature_hash(model.feature_names),
            "horizon_days": model.horizon_days,
            "feature_names": list(model.feature_names),
            "reference": {k: None if math.isnan(v) else v for k, v in model.reference.items()},
            "levels": model.levels,
            "metrics": model.metrics,
        }
        folder = _folder(model.version)
        kept = self._kept(model.version, manifest)
        if kept is not None:
            return kept
        data = skops.io.dumps(model.estimator)
        manifest["sha256"] = hashlib.sha256(data).hexdigest()
        self._objects.write(f"{folder}/model.skops", data)
        self._objects.write(f"{folder}/card.md", card(model).encode())
        # The manifest last: a version without one does not exist.
        self._objects.write(f"{folder}/manifest.json", json.dumps(manifest, indent=1).encode())
        return manifest

    def load(self, version: str) -> LeadModel:
        """Read a version back, after its digest and its features are checked.

        Raises:
            ModelError: it is not there, was altered, or reads other features than we make.
        """
        import skops.io

        folder = _folder(version)
        try:
            manifest = self._json(f"{folder}/manifest.json")
            data, _ = self._objects.read(f"{folder}/model.skops")
        except FileNotFoundError:
            raise ModelError(
                f"model version {version} is not in the registry",
                where=self._objects.url(folder),
                fix="materialize model/lead_model_candidate, then model/lead_model",
            ) from None
        if hashlib.sha256(data).hexdigest() != manifest.get("sha256"):
            raise ModelError(
                f"the file of model version {version} is not the one that was saved",
                where=self._objects.url(f"{folder}/model.skops"),
                fix="find out who changed it; then train again or restore the file",
            )
        names = tuple(manifest["feature_names"])
        if feature_hash(names) != manifest["feature_hash"]:
            raise ModelError(
                f"the manifest of model version {version} does not fit itself",
                where=self._objects.url(f"{folder}/manifest.json"),
                fix="train again or restore the file",
            )
        _refuse_unknown_types(
            skops.io.get_untrusted_types(data=data), self._objects.url(f"{folder}/model.skops")
        )
        return LeadModel(
            version=version,
            horizon_days=manifest["horizon_days"],
            feature_names=names,
            reference={
                k: float("nan") if v is None else v for k, v in manifest["reference"].items()
            },
            metrics=manifest["metrics"],
            estimator=skops.io.loads(data, trusted=list(TRUSTED_TYPES)),
            levels=manifest["levels"],
        )

    def point(self, pointer: str, state: State) -> None:
        """Let `champion` or `candidate` name a model, or say why there is none.

        Raises:
            PreconditionFailedError: somebody else moved the pointer at the same moment.
        """
        key = _pointer_key(pointer)
        try:
            _, etag = self._objects.read(key)
        except FileNotFoundError:
            etag = None
        content = (
            {"version": state.version}
            if isinstance(state, LeadModel)
            else {
                "state": "not_enough_evidence",
                "reason": state.reason,
                "horizon_days": state.horizon_days,
            }
        )
        data = json.dumps(content).encode()
        if etag is None:
            self._objects.write(key, data, if_absent=True)
        else:
            self._objects.write(key, data, if_match=etag)

    def has(self, pointer: str) -> bool:
        """Whether `champion` or `candidate` was ever set."""
        key = _pointer_key(pointer)
        return any(info.key == key for info in self._objects.list(key))

    def follow(self, pointer: str) -> State:
        """The model that `champion` or `candidate` names, or why there is none.

        Raises:
            ModelError: the pointer was never set, or what it names cannot be loaded.
        """
        try:
            content = self._json(_pointer_key(pointer))
        except FileNotFoundError:
            raise ModelError(
                f"there is no {pointer} yet",
                where=self._objects.url(_pointer_key(pointer)),
                fix="materialize model/lead_model_candidate, then model/lead_model",
            ) from None
        if "version" not in content:
            return NotEnoughEvidence(content["reason"], content["horizon_days"])
        return self.load(content["version"])

    def _kept(self, version: str, facts: dict[str, Any]) -> dict[str, Any] | None:
        """The manifest of a version that is there with these facts and the file that it names."""
        folder = _folder(version)
        try:
            kept = self._json(f"{folder}/manifest.json")
            data, _ = self._objects.read(f"{folder}/model.skops")
        except (FileNotFoundError, ModelError):
            return None
        is_same = kept == json.loads(json.dumps(facts)) | {"sha256": kept.get("sha256")}
        return kept if is_same and hashlib.sha256(data).hexdigest() == kept["sha256"] else None

    def _json(self, key: str) -> dict[str, Any]:
        try:
            content = json.loads(self._objects.read(key)[0])
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise ModelError(
                "the file is not the JSON that was written",
                where=self._objects.url(key),
                fix="restore the file, or materialize the model again",
            )
        return content


def feature_hash(names: tuple[str, ...]) -> str:
    """Digest of the features that a model reads, in order."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


def card(model: LeadModel) -> str:
    """What a reader should know before trusting the model, in Markdown."""
    metrics = model.metrics
    recency = metrics["baselines"]["recency"]
    return f"""# Lead model {model.version}

Calibrated probability that a contact places an order within {model.horizon_days} days.

Measured on {metrics["rows"]:,} contacts at snapshots from {metrics["test_from"]} to
{metrics["test_to"]}, all later than anything the model was fitted or calibrated on; base rate
{metrics["base_rate"]:.3f}.

| measure | model | recency only | no skill |
|---|---|---|---|
| AUC | {metrics["auc"]:.3f} | {recency["auc"]:.3f} | 0.500 |
| PR-AUC | {metrics["pr_auc"]:.3f} | {recency["pr_auc"]:.3f} | {metrics["base_rate"]:.3f} |
| lift at 10 % | {metrics["lift_at_10"]:.2f} | {recency["lift_at_10"]:.2f} | 1.00 |
| Brier | {metrics["brier"]:.4f} | | {metrics["brier_no_skill"]:.4f} |
| calibration error | {metrics["calibration_error"]:.3f} | | |

Features: {len(model.feature_names)}, none of them a direct identifier. Limits: a contact without
history is scored by its country, channel and tenure alone; the season of the coming month is known
only from the years in the data.
"""


def _folder(version: str) -> str:
    return f"models/{MODEL_NAME}/{version}"


def _pointer_key(pointer: str) -> str:
    return f"models/{MODEL_NAME}/{pointer}.json"


def _refuse_unknown_types(found: list[str], where: str) -> None:
    unknown = sorted(set(found) - set(TRUSTED_TYPES))
    if unknown:
        raise ModelError(
            f"the model holds types that are not on the list: {', '.join(unknown)}",
            where=where,
            fix="if the recipe changed on purpose, add them to TRUSTED_TYPES after reading them",
        )
