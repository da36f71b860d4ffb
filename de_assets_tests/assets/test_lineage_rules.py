"""What lineage holds the project to: identifiers stay in raw, and features know no label."""

from dataclasses import replace

import polars as pl

from de_assets.assets.lineage import Column, LineageGraph
from de_assets.contracts.base import columns
from de_assets.contracts.features import features
from de_assets.contracts.tables import TABLES
from de_assets.transforms.lineage import InputColumn
from de_assets_tests.assets.judged_lineage import DERIVATIONS, GRAPH, inputs_of, ready
from de_assets_tests.lineage_oracle import observed

OUTSIDE_OF_THE_RULE = ("raw", "quarantine", "identity")
DECLARED = {
    Column(key, info.name): info for key, contract in TABLES.items() for info in columns(contract)
}


def leaks(graph, declared=DECLARED):
    """Columns that direct identifiers reach other than by a token or by a declared reason."""
    found = {}
    for start, sources in graph.sources.items():
        if start.table.startswith(OUTSIDE_OF_THE_RULE) or is_made_harmless(start, declared):
            continue
        direct = {
            source
            for source in sources.needed
            if source in declared and declared[source].pii == "direct"
        }
        if direct:
            found[str(start)] = {str(source) for source in direct}
    return found


def is_made_harmless(place, declared):
    info = declared.get(place)
    return info is not None and (info.read == "token" or info.declassified is not None)


def undeclared_copies(graph, declared=DECLARED):
    """Columns that are one quasi identifier under another name, and are said to be none."""
    return {
        str(place): str(source)
        for place, sources in graph.sources.items()
        if len(sources.values) == 1
        for source in sources.values
        if source in declared and declared[source].pii != "none"
        if place in declared and declared[place].pii == "none"
        if not is_made_harmless(place, declared)
    }


def with_derivation(key, **changed):
    return LineageGraph({**DERIVATIONS, key: replace(DERIVATIONS[key], **changed)})


def leaking_transform(key, output, leaked):
    """The derivation's own transform, but for one column that is filled from another input."""
    transform = DERIVATIONS[key].transform

    def leaking(**frames):
        name, source = leaked
        secret = frames[name].select(pl.col(source).max().alias("_leaked"))
        joined = transform(**frames).join(secret, how="cross")
        return joined.with_columns(pl.col("_leaked").alias(output)).drop("_leaked")

    return leaking


def test_no_direct_identifier_leaves_raw_but_as_a_token_or_for_a_declared_reason():
    assert leaks(GRAPH) == {}


def test_every_table_outside_of_the_rule_is_one_that_may_hold_direct_identifiers():
    holding = {
        place.table.split("/")[0] for place, info in DECLARED.items() if info.pii == "direct"
    }

    assert holding == {"raw", "identity"}


def test_a_planted_leak_of_a_direct_identifier_is_found():
    leaking = leaking_transform("cleaned/contacts", "lifecycle_stage", ("raw", "email"))

    found = leaks(with_derivation("cleaned/contacts", transform=leaking))

    assert found["cleaned/contacts.lifecycle_stage"] == {"raw/contacts.email"}


def test_a_token_that_were_no_token_would_be_a_leak():
    plain = {
        place: replace(info, read="text") if info.read == "token" else info
        for place, info in DECLARED.items()
    }

    assert set(leaks(GRAPH, plain)) == {
        "cleaned/contacts.email_token", "cleaned/contacts.phone_token",
    }  # fmt: skip


def test_a_column_is_declassified_with_a_reason_only_where_it_needs_one():
    declassified = {place for place, info in DECLARED.items() if info.declassified is not None}
    strict = {place: replace(info, declassified=None) for place, info in DECLARED.items()}

    needing = {*leaks(GRAPH, strict), *undeclared_copies(GRAPH, strict)}

    assert needing == {str(place) for place in declassified}
    assert all(DECLARED[place].declassified for place in declassified)


def test_what_is_a_copy_of_a_quasi_identifier_is_declared_as_one():
    assert undeclared_copies(GRAPH) == {}


def test_a_planted_copy_of_a_quasi_identifier_is_found():
    transform = DERIVATIONS["cleaned/contacts"].transform

    def copying(raw):
        return transform(raw=raw).with_columns(lifecycle_stage="country")

    found = undeclared_copies(with_derivation("cleaned/contacts", transform=copying))

    assert found == {"cleaned/contacts.lifecycle_stage": "raw/contacts.country"}


def label_sources(graph):
    """The columns of the label's table that the training set reads."""
    return {
        source
        for source in graph.sources[Column("features/training_set", "is_ordering")].needed
        if source.table == "modeled/contact_daily"
    }


def features_from(graph, table):
    return {
        name
        for name in features()
        if any(
            source.table == table
            for source in graph.sources[Column("features/training_set", name)].values
        )
    }


def test_no_feature_of_the_training_set_is_made_of_what_the_label_is_made_of():
    assert label_sources(GRAPH) == {
        Column("modeled/contact_daily", name) for name in ("contact_id", "orders", "dt")
    }
    assert features_from(GRAPH, "modeled/contact_daily") == set()
    for name in features():
        sources = GRAPH.sources[Column("features/training_set", name)]
        assert sources.values == {Column("features/contact_features", name)}


def test_a_planted_leak_of_the_label_into_a_feature_is_found():
    transform = DERIVATIONS["features/training_set"].transform

    def leaking(snapshots, activity):
        return transform(snapshots=snapshots, activity=activity).with_columns(
            orders_7d=pl.col("is_ordering").cast(pl.Float64)
        )

    graph = with_derivation("features/training_set", transform=leaking)

    assert features_from(graph, "modeled/contact_daily") == {"orders_7d"}


def test_a_feature_that_takes_a_little_of_the_label_is_found_by_changing_the_orders():
    key = "features/training_set"
    transform = DERIVATIONS[key].transform

    def leaking(snapshots, activity):
        return transform(snapshots=snapshots, activity=activity).with_columns(
            orders_7d=pl.col("orders_7d") + pl.col("is_ordering")
        )

    # Derived lineage cannot tell: what the label is made of also decides which rows there are.
    assert features_from(with_derivation(key, transform=leaking), "modeled/contact_daily") == set()
    inputs = inputs_of(DERIVATIONS[key])
    orders = InputColumn("activity", "orders")
    seen = observed(leaking, inputs, {}, places=[orders], tries=(40, 40))
    assert {name for name, places in seen.items() if places} == {"is_ordering", "orders_7d"}
    seen = observed(ready(DERIVATIONS[key]), inputs, {}, places=[orders], tries=(40, 40))
    assert {name for name, places in seen.items() if places} == {"is_ordering"}
