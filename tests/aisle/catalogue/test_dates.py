"""catalogue/dates.py: days in the ways that exports write them."""

import pytest

from aisle.catalogue import dates
from aisle.pipeline.errors import AisleError


@pytest.mark.parametrize(
    ("texts", "days", "form"),
    [
        (["2016-03-25 22:59:23 +0000", ""], ["2016-03-25", None], "ISO8601"),
        (["2016-03-25"], ["2016-03-25"], "ISO8601"),
        (["25/03/2016", "01/02/2016"], ["2016-03-25", "2016-02-01"], "%d/%m/%Y"),
        (["03/25/2016 10:00", "01/02/2016"], ["2016-03-25", "2016-01-02"], "%m/%d/%Y"),
        (["25.3.2016"], ["2016-03-25"], "%d.%m.%Y"),
        (["1458946763"], ["2016-03-25"], "seconds since 1970"),
        (["1458946763000"], ["2016-03-25"], "seconds since 1970"),
        (["", ""], [None, None], ""),
        (["99999999999"], [None], "seconds since 1970"),
        (["9999999999999"], [None], "seconds since 1970"),
        (["2016-03-25", "now", "today"], ["2016-03-25", None, None], "ISO8601"),
        (["now"], [None], "ISO8601"),
        (["\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669"], [None], "ISO8601"),
    ],
)
def test_dates(texts, days, form):
    found, how = dates.parse(texts)
    assert (found.tolist(), how) == (days, form)


def test_day_and_month_that_could_be_either_are_asked_for():
    with pytest.raises(AisleError, match=r"catalogue\.format\.date"):
        dates.parse(["01/02/2016", "03/04/2016"])
    with pytest.raises(AisleError, match=r"must be a format of strptime, not '%Q'"):
        dates.parse(["01/02/2016"], "%Q")
    assert dates.parse(["01/02/2016"], "%d/%m/%Y")[0].tolist() == ["2016-02-01"]
