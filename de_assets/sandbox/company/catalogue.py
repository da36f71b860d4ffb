"""The products of the company and the file that lists them.

The codes that stand for no product (postage, discount, test) are here too: order files have them,
the catalogue file has not.
"""

import io
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl

from de_assets.sandbox.company.atomic import write_whole
from de_assets.sandbox.company.chance import Chance, Floats, Ints
from de_assets.sandbox.company.parameters import Company
from de_assets.sandbox.company.written import WrittenProducts

SERVICES = (
    ("POST", "POSTAGE"),
    ("DISCOUNT", "Discount"),
    ("TEST001", "This is a test product."),
)
"""Code and description of what is sold beside products."""

_NEW_AFTER_FIRST_MONTH = 0.41
_STYLES = (
    "RED SPOTTY", "VINTAGE", "WHITE HANGING", "SET OF 6", "PACK OF 12", "PINK POLKADOT", "RETRO",
    "GLASS", "WOODEN", "CREAM", "JUMBO", "FELT", "ENAMEL", "ANTIQUE SILVER", "BLUE STRIPED",
    "GREEN GINGHAM", "REGENCY", "PAPER", "ZINC", "£5 GIFT",
)  # fmt: skip
_THINGS = (
    ("LIGHT HOLDER", "home"), ("LUNCH BAG", "kitchen"), ("CAKE STAND, 3 TIER", "kitchen"),
    ("BUNTING", "party"), ("TEA TOWEL", "kitchen"), ("PHOTO FRAME", "home"), ("DOORMAT", "home"),
    ("GIFT WRAP", "stationery"), ("NOTEBOOK", "stationery"), ("CANDLE", "home"),
    ("CHRISTMAS STAR", "seasonal"), ("EASTER EGG", "seasonal"), ("WATERING CAN", "garden"),
    ("PLANT POT", "garden"), ("STORAGE TIN", "kitchen"), ("MUG", "kitchen"), ("CUSHION", "home"),
    ("PENCIL CASE", "stationery"), ('RULER 12"', "stationery"), ("BIRD FEEDER", "garden"),
    ("NAPKINS", "party"), ("BALLOONS", "party"), ("ADVENT CALENDAR", "seasonal"),
    ("ALARM CLOCK", "home"), ("TOY ROBOT", "toys"), ("SKIPPING ROPE", "toys"),
    ("JIGSAW", "toys"), ("HOT WATER BOTTLE", "home"),
)  # fmt: skip
_PATTERNS = (
    "", " LARGE", " SMALL", " HEART DESIGN", " STAR DESIGN", " OWL DESIGN", " ASSORTED", " BOXED",
)  # fmt: skip


@dataclass(frozen=True)
class Catalogue:
    """Products by the day on which they are first sold, then the services.

    Attributes:
        codes: Product codes, services last.
        names: The name in the catalogue, services last.
        other_names: Another name by which a supplier calls it, services last.
        categories: Category of each product.
        pence: List price of each product.
        packs: Pieces in the usual pack of each product.
        launch_days: First day of each product, not decreasing; most are there from the start.
        demand: Running sum of how popular the products are.
    """

    codes: list[str]
    names: list[str]
    other_names: list[str]
    categories: list[str]
    pence: Ints
    packs: Ints
    launch_days: Ints
    demand: Floats

    def pick(self, days: Ints, drawn: Floats) -> Ints:
        """The products that chance chooses among those sold on these days, popular ones more."""
        launched = np.searchsorted(self.launch_days, days, side="right")
        found = np.searchsorted(self.demand, drawn * self.demand[launched - 1], side="right")
        return np.minimum(found, launched - 1).astype(np.int64)

    def service(self, code: str) -> int:
        """Index of a service code among the codes."""
        return self.codes.index(code)


@lru_cache(maxsize=4)
def catalogue_of(company: Company) -> Catalogue:
    """The catalogue of a company."""
    chance = Chance(company.seed)
    product = np.arange(company.products)
    # 7,919 is coprime to 90,000, so that no two codes share their digits.
    number = 10_000 + (product * 7_919 + company.seed) % 90_000
    letters = np.where(
        chance.happens(0.35, "code letter", product),
        np.array(list("ABCDEGLS"))[chance.below(8, "which letter", product)],
        "",
    )
    codes = [f"{n}{letter}" for n, letter in zip(number, letters, strict=True)]
    style = chance.below(len(_STYLES), "style", product)
    thing = chance.below(len(_THINGS), "thing", product)
    pattern = chance.below(len(_PATTERNS), "pattern", product)
    names = [
        f"{_STYLES[s]} {_THINGS[t][0]}{_PATTERNS[p]}"
        for s, t, p in zip(style, thing, pattern, strict=True)
    ]
    pence = np.clip(np.exp(5.35 + 0.85 * chance.normal("price", product)), 19, 9_995)
    return Catalogue(
        codes=codes + [code for code, _ in SERVICES],
        names=names + [name for _, name in SERVICES],
        other_names=[f"{_THINGS[t][0]} {_STYLES[s]}" for s, t in zip(style, thing, strict=True)]
        + [name for _, name in SERVICES],
        categories=[_THINGS[t][1] for t in thing],
        pence=(np.round(pence / 5) * 5).astype(np.int64).clip(15),
        packs=_packs(chance, product, pence),
        launch_days=_launch_days(company, chance, product),
        demand=np.cumsum(np.exp(0.9 * chance.normal("popularity", product))),
    )


def _packs(chance: Chance, product: Ints, pence: Floats) -> Ints:
    """Cheap things sell by the dozen, dear ones by the piece: a line is worth about 20 to 30."""
    usual = np.exp(7.7 + 0.5 * chance.normal("pack", product)) / pence
    sizes = np.array([1, 2, 3, 4, 6, 8, 10, 12, 24, 25, 36, 48])
    nearest = np.abs(np.log(sizes)[None, :] - np.log(usual)[:, None]).argmin(axis=1)
    packs: Ints = sizes[nearest].astype(np.int64)
    return packs


def _launch_days(company: Company, chance: Chance, product: Ints) -> Ints:
    old = max(1, round(company.products * (1 - _NEW_AFTER_FIRST_MONTH)))
    is_new = product >= old
    later = 30 + chance.below(max(1, company.length_days - 30), "launch", product)
    return np.sort(np.where(is_new, later, 0))


def write_products(
    company: Company, directory: Path, *, as_of: date | None = None
) -> WrittenProducts:
    """Write `products/products.csv`: the catalogue at the end of a day, the last unless told.

    Columns `code;title;group;list_price`, separated by semicolons, the price with a decimal point.
    Three of a hundred titles are untrimmed and two of a hundred groups empty.

    Raises:
        CompanyError: `as_of` is not one of the company's days.
    """
    _, last = company.day_range((company.start, as_of or company.end))
    chance = Chance(company.seed)
    goods = catalogue_of(company)
    listed = np.flatnonzero(goods.launch_days <= last)
    has_blanks = chance.happens(0.03 if company.dirt.untrimmed else 0, "title blanks", listed)
    has_no_group = chance.happens(
        0.02 if company.dirt.without_description else 0, "no group", listed
    )
    frame = pl.DataFrame(
        {
            "code": [goods.codes[n] for n in listed],
            "title": [
                f" {goods.names[n]} " if blanks else goods.names[n]
                for n, blanks in zip(listed, has_blanks, strict=True)
            ],
            "group": [
                None if missing else goods.categories[n]
                for n, missing in zip(listed, has_no_group, strict=True)
            ],
            "list_price": [f"{pence / 100:.2f}" for pence in goods.pence[listed]],
        }
    )
    content = io.BytesIO()
    frame.write_csv(content, separator=";")
    path = directory / "products" / "products.csv"
    return WrittenProducts(products=frame.height, size_bytes=write_whole(path, content.getvalue()))
