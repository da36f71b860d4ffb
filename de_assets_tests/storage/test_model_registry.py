"""Models come back as they were saved, or not at all."""

import hashlib
import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from de_assets.errors import ModelError
from de_assets.storage.lake import Lake
from de_assets.storage.model_registry import ModelRegistry, card
from de_assets.storage.objects import ObjectStore
from de_assets.transforms.learning import LeadModel
from de_assets_tests.storage.training import training_set

MODELS = "models/lead_model"


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
    registry: ModelRegistry, local_store: ObjectStore, model: LeadModel
):
    manifest = registry.save(model)

    folder = f"{MODELS}/{model.version}"
    assert [info.key for info in local_store.list()] == [
        f"{folder}/card.md",
        f"{folder}/manifest.json",
        f"{folder}/model.skops",
    ]
    assert json.loads(local_store.read(f"{folder}/manifest.json")[0]) == manifest
    data, _ = local_store.read(f"{folder}/model.skops")
    assert manifest["sha256"] == hashlib.sha256(data).hexdigest()


def test_saving_a_version_again_changes_no_byte_of_it(
    registry: ModelRegistry, local_store: ObjectStore, model: LeadModel
):
    first = registry.save(model)
    before = list(local_store.list())

    again = registry.save(model)

    assert again == first
    assert list(local_store.list()) == before


@pytest.mark.parametrize("name", ["model.skops", "manifest.json"])
@pytest.mark.parametrize("damage", [b"", b"{}", b"no longer what it was", None])
def test_saving_a_version_again_mends_what_is_broken(
    registry: ModelRegistry,
    local_store: ObjectStore,
    model: LeadModel,
    name: str,
    damage: bytes | None,
):
    registry.save(model)
    key = f"{MODELS}/{model.version}/{name}"
    if damage is None:
        local_store.delete(key)
    else:
        local_store.write(key, damage)

    registry.save(model)

    assert registry.load(model.version).version == model.version


def test_a_manifest_without_digest_vouches_for_nothing(
    registry: ModelRegistry, local_store: ObjectStore, model: LeadModel
):
    registry.save(model)
    local_store.write(f"{MODELS}/{model.version}/manifest.json", b"{}")

    with pytest.raises(ModelError, match="is not the one that was saved"):
        registry.load(model.version)


def test_an_altered_model_is_refused_before_anything_of_it_is_loaded(
    registry: ModelRegistry, local_store: ObjectStore, model: LeadModel
):
    registry.save(model)
    local_store.write(f"{MODELS}/{model.version}/model.skops", b"no archive that could be loaded")

    with pytest.raises(ModelError, match="is not the one that was saved") as caught:
        registry.load(model.version)

    assert caught.value.where.endswith(f"{model.version}/model.skops")


def test_a_manifest_with_other_features_is_refused(
    registry: ModelRegistry, local_store: ObjectStore, model: LeadModel
):
    manifest = registry.save(model)
    manifest["feature_names"] = manifest["feature_names"][::-1]
    local_store.write(f"{MODELS}/{model.version}/manifest.json", json.dumps(manifest).encode())

    with pytest.raises(ModelError, match="does not fit itself"):
        registry.load(model.version)


@pytest.mark.parametrize("content", [b"{half", b"\xff\xfe", b"", b"[]"])
def test_a_manifest_that_is_no_json_is_named(
    registry: ModelRegistry, local_store: ObjectStore, model: LeadModel, content: bytes
):
    registry.save(model)
    local_store.write(f"{MODELS}/{model.version}/manifest.json", content)

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
    registry: ModelRegistry, local_store: ObjectStore, model: LeadModel, estimator: Any, name: str
):
    manifest = registry.save(model)
    data = skops.io.dumps(estimator)
    local_store.write(f"{MODELS}/{model.version}/model.skops", data)
    manifest["sha256"] = hashlib.sha256(data).hexdigest()
    local_store.write(f"{MODELS}/{model.version}/manifest.json", json.dumps(manifest).encode())

    with pytest.raises(ModelError, match=f"types that are not on the list: .*{name}") as caught:
        registry.load(model.version)

    assert caught.value.where.endswith(f"{model.version}/model.skops")
    assert "TRUSTED_TYPES" in caught.value.fix


@pytest.mark.parametrize("missing", ["manifest.json", "model.skops"])
def test_a_version_that_is_not_there_says_what_to_materialize(
    registry: ModelRegistry, local_store: ObjectStore, model: LeadModel, missing: str
):
    registry.save(model)
    local_store.delete(f"{MODELS}/{model.version}/{missing}")

    with pytest.raises(ModelError, match=f"{model.version} is not in the registry") as caught:
        registry.load(model.version)

    assert "materialize model/lead_model_candidate" in caught.value.fix


def test_the_card_tells_the_numbers(
    registry: ModelRegistry, local_store: ObjectStore, model: LeadModel
):
    registry.save(model)

    text = local_store.read(f"{MODELS}/{model.version}/card.md")[0].decode()

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
