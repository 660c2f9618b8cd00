"""catalogue/label.py: only the built-in catalogue says that it is synthetic."""

import pandas as pd

from aisle.catalogue.label import catalogue_label, is_synthetic


def test_only_the_built_in_catalogue_is_synthetic():
    ids = pd.Series(["aisle-sample-0001", "aisle-sample-0002"])
    assert is_synthetic(catalogue_label("sample", ids))
    assert catalogue_label("shop", pd.Series(["aisle-sample-0001", "real"])) == "shop"
    assert not is_synthetic("shop")
