"""Pointers name the model in service and its candidate; moving one is conditional."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from de_assets.errors import ModelError, PreconditionFailedError
from de_assets.storage.lake import Lake
from de_assets.storage.model_registry import ModelRegistry
from de_assets.storage.objects import LocalStore, ObjectStore
from de_assets.transforms.learning import LeadModel, NotEnoughEvidence

MODELS = "models/lead_model"


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


def test_a_pointer_that_is_no_json_is_named(registry: ModelRegistry, local_store: ObjectStore):
    local_store.write(f"{MODELS}/champion.json", b"")

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
