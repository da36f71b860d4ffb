"""Both engines of Polars: the assets run on one, most people try things out on the other."""

import pytest


@pytest.fixture(params=["in-memory", "streaming"])
def engine(request):
    return request.param
