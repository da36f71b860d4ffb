"""Models come back as they were saved, or not at all."""

import hashlib
import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import polars as pl
import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from de_assets.contracts.base import polars_schema
from de_assets.contracts.features import TrainingSet
from de_assets.errors import ModelError, PreconditionFailedError
from de_assets.storage.lake import Lake
from de_assets.storage.model_registry import ModelRegistry, card
from de_assets.storage.objects import LocalStore, ObjectStore
from de_assets.transforms.learning import LeadModel, NotEnoughEvidence, fit

SPLITS = {
    "train": date(2024, 1, 1),
    "calibrate": date(2024, 3, 1),
    "test": date(2024, 5, 1),
}
ROWS_OF_A_SPLIT = 400
MODELS = "models/lead_model"


def training_set() -> pl.DataFrame:
    """Contacts of whom those that ordered lately order again, for the most part."""
    chance = np.random.default_rng(7)
    rows = ROWS_OF_A_SPLIT * len(SPLITS)
    recency = chance.integers(0, 120, rows).astype(float)
    columns: dict[str, Any] = {
        "contact_id": [f"contact-{number}" for number in range(rows)],
        "as_of": [day for day in SPLITS.values() for _ in range(ROWS_OF_A_SPLIT)],
        "country": chance.choice(["de", "fr", "ünï"], rows),
        "channel": chance.choice(["web", "shop"], rows),
        "recency_days": [None if days > 100 else days for days in recency],
        "tenure_days": chance.integers(0, 900, rows),
        "is_ordering": chance.random(rows) < np.where(recency < 40, 0.7, 0.1),
        "split": [name for name in SPLITS for _ in range(ROWS_OF_A_SPLIT)],
    }
    missing = {name: [0.0] * rows for name in polars_schema(TrainingSet) if name not in columns}
    frame = pl.DataFrame(columns | missing, strict=False)
    return frame.select(
        pl.col(name).cast(dtype) for name, dtype in polars_schema(TrainingSet).items()
    )


@pytest.fixture(scope="module")
def model() -> LeadModel:
    fitted = fit(training_set(), horizon_days=30)
    assert isinstance(fitted, LeadModel)
    return fitted


@pytest.fixture
def store(local_lake: Lake) -> ObjectStore:
    return local_lake.objects


@pytest.fixture
def registry(store: ObjectStore) -> ModelRegistry:
    return ModelRegistry(store)


def test_a_model_comes_back_with_equal_predictions_from_disk_and_from_s3(
    lake: Lake, model: LeadModel
):
    registry = ModelRegistry(lake.objects)
    registry.save(model)

    loaded = registry.load(model.version)

    np.testing.assert_array_equal(
        loaded.probabilities(training_set()), model.probabilities(training_set())
    )
    facts = {name: value for name, value in vars(model).items() if name != "estimator"}
    assert {name: getattr(loaded, name) for name in facts} == facts


def test_a_reference_that_is_not_known_stays_so(registry: ModelRegistry, model: LeadModel):
    registry.save(replace(model, reference=model.reference | {"recency_days": math.nan}))

    loaded = registry.load(model.version)

    assert math.isnan(loaded.reference["recency_days"])


def test_a_version_is_a_folder_of_three_files(
    registry: ModelRegistry, store: ObjectStore, model: LeadModel
):
    manifest = registry.save(model)

    folder = f"{MODELS}/{model.version}"
    assert [info.key for info in store.list()] == [
        f"{folder}/card.md",
        f"{folder}/manifest.json",
        f"{folder}/model.skops",
    ]
    assert json.loads(store.read(f"{folder}/manifest.json")[0]) == manifest
    data, _ = store.read(f"{folder}/model.skops")
    assert manifest["sha256"] == hashlib.sha256(data).hexdigest()


def test_saving_a_version_again_changes_no_byte_of_it(
    registry: ModelRegistry, store: ObjectStore, model: LeadModel
):
    first = registry.save(model)
    before = list(store.list())

    again = registry.save(model)

    assert again == first
    assert list(store.list()) == before


@pytest.mark.parametrize("name", ["model.skops", "manifest.json"])
@pytest.mark.parametrize("damage", [b"", b"{}", b"no longer what it was", None])
def test_saving_a_version_again_mends_what_is_broken(
    registry: ModelRegistry,
    store: ObjectStore,
    model: LeadModel,
    name: str,
    damage: bytes | None,
):
    registry.save(model)
    key = f"{MODELS}/{model.version}/{name}"
    if damage is None:
        store.delete(key)
    else:
        store.write(key, damage)

    registry.save(model)

    assert registry.load(model.version).version == model.version


def test_a_manifest_without_digest_vouches_for_nothing(
    registry: ModelRegistry, store: ObjectStore, model: LeadModel
):
    registry.save(model)
    store.write(f"{MODELS}/{model.version}/manifest.json", b"{}")

    with pytest.raises(ModelError, match="is not the one that was saved"):
        registry.load(model.version)


def test_an_altered_model_is_refused_before_anything_of_it_is_loaded(
    registry: ModelRegistry, store: ObjectStore, model: LeadModel
):
    registry.save(model)
    store.write(f"{MODELS}/{model.version}/model.skops", b"no archive that could be loaded")

    with pytest.raises(ModelError, match="is not the one that was saved") as caught:
        registry.load(model.version)

    assert caught.value.where.endswith(f"{model.version}/model.skops")


def test_a_manifest_with_other_features_is_refused(
    registry: ModelRegistry, store: ObjectStore, model: LeadModel
):
    manifest = registry.save(model)
    manifest["feature_names"] = manifest["feature_names"][::-1]
    store.write(f"{MODELS}/{model.version}/manifest.json", json.dumps(manifest).encode())

    with pytest.raises(ModelError, match="does not fit itself"):
        registry.load(model.version)


@pytest.mark.parametrize("content", [b"{half", b"\xff\xfe", b"", b"[]"])
def test_a_manifest_that_is_no_json_is_named(
    registry: ModelRegistry, store: ObjectStore, model: LeadModel, content: bytes
):
    registry.save(model)
    store.write(f"{MODELS}/{model.version}/manifest.json", content)

    with pytest.raises(ModelError, match="not the JSON that was written") as caught:
        registry.load(model.version)

    assert caught.value.where.endswith("manifest.json")


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (FunctionTransformer(func=eval), "eval"),
        (StandardScaler().set_params(with_mean=np.random.RandomState), "RandomState"),
    ],
)
def test_types_that_are_not_listed_are_refused_by_name(
    registry: ModelRegistry, store: ObjectStore, model: LeadModel, estimator: Any, name: str
):
    manifest = registry.save(model)
    data = skops.io.dumps(estimator)
    store.write(f"{MODELS}/{model.version}/model.skops", data)
    manifest["sha256"] = hashlib.sha256(data).hexdigest()
    store.write(f"{MODELS}/{model.version}/manifest.json", json.dumps(manifest).encode())

    with pytest.raises(ModelError, match=f"types that are not on the list: .*{name}") as caught:
        registry.load(model.version)

    assert caught.value.where.endswith(f"{model.version}/model.skops")
    assert "TRUSTED_TYPES" in caught.value.fix


@pytest.mark.parametrize("missing", ["manifest.json", "model.skops"])
def test_a_version_that_is_not_there_says_what_to_materialize(
    registry: ModelRegistry, store: ObjectStore, model: LeadModel, missing: str
):
    registry.save(model)
    store.delete(f"{MODELS}/{model.version}/{missing}")

    with pytest.raises(ModelError, match=f"{model.version} is not in the registry") as caught:
        registry.load(model.version)

    assert "materialize model/lead_model_candidate" in caught.value.fix


@pytest.mark.parametrize("pointer", ["champion", "candidate"])
def test_a_pointer_that_was_never_set_says_so(registry: ModelRegistry, pointer: str):
    assert not registry.has(pointer)
    with pytest.raises(ModelError, match=f"there is no {pointer} yet"):
        registry.follow(pointer)


def test_a_pointer_names_a_model_and_moves(registry: ModelRegistry, model: LeadModel):
    newer = replace(model, version="20240601-newer")
    for each in (model, newer):
        registry.save(each)
    registry.point("champion", model)

    before = registry.follow("champion")
    registry.point("champion", newer)
    after = registry.follow("champion")

    assert isinstance(before, LeadModel)
    assert isinstance(after, LeadModel)
    assert (before.version, after.version) == (model.version, "20240601-newer")
    assert registry.has("champion")
    assert not registry.has("candidate")


def test_a_pointer_may_say_why_there_is_no_model(registry: ModelRegistry):
    lacking = NotEnoughEvidence("train has 3 rows", 30)

    registry.point("candidate", lacking)

    assert registry.follow("candidate") == lacking


def test_a_pointer_to_a_version_that_is_gone_is_an_error(registry: ModelRegistry, model: LeadModel):
    registry.point("champion", model)

    with pytest.raises(ModelError, match="is not in the registry"):
        registry.follow("champion")


def test_a_pointer_that_is_no_json_is_named(registry: ModelRegistry, store: ObjectStore):
    store.write(f"{MODELS}/champion.json", b"")

    with pytest.raises(ModelError, match="not the JSON that was written") as caught:
        registry.follow("champion")

    assert caught.value.where.endswith("champion.json")


class Crossing(LocalStore):
    """A store in which somebody else writes once, after the first read."""

    has_crossed = False

    def read(self, key: str) -> tuple[bytes, str]:
        try:
            return super().read(key)
        finally:
            if not self.has_crossed:
                self.has_crossed = True
                self.write(key, b'{"version": "of somebody else"}')


@pytest.mark.parametrize("is_set", [True, False])
def test_a_pointer_that_moved_since_it_was_read_is_not_moved_again(tmp_path: Path, is_set: bool):
    store = LocalStore(tmp_path)
    if is_set:
        ModelRegistry(store).point("champion", NotEnoughEvidence("before", 30))

    with pytest.raises(PreconditionFailedError):
        ModelRegistry(Crossing(tmp_path)).point("champion", NotEnoughEvidence("after", 30))

    assert store.read(f"{MODELS}/champion.json")[0] == b'{"version": "of somebody else"}'


def test_of_many_who_move_a_pointer_at_once_none_leaves_it_torn(lake: Lake):
    registry = ModelRegistry(lake.objects)
    movers = 8
    start = Barrier(movers)

    def move(mover: int) -> str | None:
        start.wait()
        try:
            registry.point("champion", NotEnoughEvidence(f"mover {mover}", 30))
        except PreconditionFailedError:
            return None
        return f"mover {mover}"

    with ThreadPoolExecutor(movers) as pool:
        moved = [reason for reason in pool.map(move, range(movers)) if reason]

    found = registry.follow("champion")
    assert isinstance(found, NotEnoughEvidence)
    assert found.reason in moved
    assert [info.key for info in lake.objects.list()] == [f"{MODELS}/champion.json"]


def test_the_card_tells_the_numbers(registry: ModelRegistry, store: ObjectStore, model: LeadModel):
    registry.save(model)

    text = store.read(f"{MODELS}/{model.version}/card.md")[0].decode()

    metrics = model.metrics
    recency = metrics["baselines"]["recency"]
    assert text == card(model)
    assert f"# Lead model {model.version}" in text
    assert "within 30 days" in text
    assert "400 contacts at snapshots from 2024-05-01 to\n2024-05-01" in text
    assert f"| AUC | {metrics['auc']:.3f} | {recency['auc']:.3f} | 0.500 |" in text
    assert f"| Brier | {metrics['brier']:.4f} | | {metrics['brier_no_skill']:.4f} |" in text
    assert f"| calibration error | {metrics['calibration_error']:.3f} |" in text
    assert f"Features: {len(model.feature_names)}," in text
