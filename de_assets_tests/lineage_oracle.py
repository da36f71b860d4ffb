"""The judge of derived lineage: change one input column at random, and see what changes.

What changes does depend on the column; what does not change may all the same, with other rows. So
the rows are few, their values are drawn from small pools that meet in joins and groups, and a
column that is claimed to matter gets many tries.
"""

from datetime import date, datetime, time, timedelta
from random import Random

import polars as pl
import polars.selectors as cs

from de_assets.transforms.lineage import InputColumn

DAY = date(2011, 3, 7)
# Days in every window that a feature looks at, and some to come.
DAYS = tuple(DAY - timedelta(days=age) for age in (-5, -1, 0, 1, 3, 20, 60, 200, 350, 600))
MOMENTS = tuple(
    datetime.combine(DAY - timedelta(days=age), time(9, minute))
    for age in (0, 1, 60)
    for minute in (0, 10, 50)
)
FIRST_ROWS = 4
LIKENESS = 0.8
POOLS = {
    pl.String: ("a", "b", "c"),
    pl.Boolean: (True, False),
    pl.Date: DAYS,
    pl.Datetime: MOMENTS,
    pl.Float64: (0.5, 1.0, 3.0, 8.0),
    pl.Int32: (1, 2, 3),
    pl.Int64: (1, 2, 3, 4, 5, 6, 7, 8),
    pl.UInt32: (0, 1, 2, 3),
}


class Rows:
    """Random rows of one input: what each column is drawn from, and which columns tell rows apart.

    Args:
        schema: Columns and types.
        key: Columns in which no two rows are equal, however they are changed.
        nullable: Columns that may have no value.
        pools: What to draw from, by name; else by type.
    """

    def __init__(self, schema, key=(), nullable=(), pools=None):
        self.schema = dict(schema)
        self.key = tuple(key)
        self.nullable = set(nullable)
        self.pools = pools or {}

    def made(self, random, height):
        """Rows of which none has the key of another one; fewer than asked for, then.

        After the first few, each is another one over again but for some of its columns: what
        tells rows apart, or finds the same row twice, would never be seen in rows of pure chance.
        """
        drawn = {name: self._drawn(random, name, height) for name in self.schema}
        for place in range(FIRST_ROWS, height):
            like = random.randrange(place)
            for values in drawn.values():
                if random.random() < LIKENESS:
                    values[place] = values[like]
        frame = pl.DataFrame(drawn, schema=self.schema)
        return frame.unique(self.key, keep="first", maintain_order=True) if self.key else frame

    def changed(self, random, frame, name):
        """The same rows, with other values in one column: in all of them, or in some."""
        values = frame[name].to_list()
        fresh = self._drawn(random, name, frame.height)
        share = random.choice((0.2, 1.0))
        others = [frame[column].to_list() for column in self.key if column != name]
        keys = list(zip(values, *others, strict=True))
        taken = set(keys) if name in self.key else set()
        for place, value in enumerate(fresh):
            key = (value, *keys[place][1:])
            if key not in taken and random.random() < share:
                values[place] = value
                if name in self.key:
                    taken.discard(keys[place])
                    taken.add(key)
        return frame.with_columns(pl.Series(name, values, dtype=self.schema[name]))

    def _drawn(self, random, name, height):
        dtype = self.schema[name]
        pool = self.pools.get(name) or POOLS.get(dtype.base_type())
        values = random.choices(pool, k=height)
        if name in self.nullable:
            values = [None if random.random() < 0.2 else value for value in values]
        return values


def observed(transform, inputs, claims, *, places=None, seed=0, tries=(2, 400), height=16):
    """Which input columns each output column was seen to depend on.

    Args:
        transform: LazyFrames by name to a LazyFrame whose rows come in one certain order.
        inputs: What rows each of them has (`Rows`), by name.
        claims: Groups of output columns for each input column: until one of each group was seen to
            change with it, the input column gets more tries.
        places: The input columns to change; left out: all of them.
        seed: Of the random numbers.
        tries: How often an input column is changed at least, and at most.
        height: Rows of each input.
    """
    random = Random(seed)  # noqa: S311  nothing secret
    found = {}
    every = [InputColumn(name, col) for name, rows in inputs.items() for col in rows.schema]
    for place in places or every:
        unseen = list(claims.get(place, ()))
        least, most = tries
        for attempt in range(most):
            if attempt >= least and not unseen:
                break
            before = {name: rows.made(random, height) for name, rows in inputs.items()}
            rows = inputs[place.table]
            after = before | {place.table: rows.changed(random, before[place.table], place.column)}
            one, other = result(transform, before), result(transform, after)
            changed = {name for name in one.columns if not one[name].equals(other[name])}
            for name in one.columns:
                found.setdefault(name, set()).update({place} if name in changed else ())
            unseen = [group for group in unseen if not changed & group]
    return found


def result(transform, frames):
    """What a transform makes of some rows, without the last bits of floats."""
    made = transform(**{name: frame.lazy() for name, frame in frames.items()})
    return made.with_columns(cs.float().round(6)).collect()
