"""tools/soak_service.py: what it counts; the soak itself takes minutes."""

import pytest

from tools import soak_service as soak

HALF = {"answered": 10, "growth": 1.24, "dropped": 2, "unaccounted": 0, "swaps": 3, "broken": 1}


def test_both_halves_are_counted_together():
    found = soak.summary([HALF, HALF | {"wrong": 1, "lost": 2, "growth": 7.0}], 600)
    assert [*found] == [*soak.SOAK]
    assert found["soak_minutes"] == 10 and found["soak_requests"] == 20 and found["rss_growth_mb"] == 7.0
    assert found["soak_wrong"] == 1 and found["soak_lost"] == 2 and found["soak_errors"] == 0
    assert found["soak_swaps"] == 6 and found["soak_refused_packages"] == 2 and found["soak_dropped"] == 4


class Answer:
    """What a service answers."""

    def __init__(self, status: int, digest: str = "a", values: tuple[float, ...] = (0.9, 0.1)) -> None:
        self.status_code = status
        self._found = {
            "model": {"digest": digest},
            "predictions": [{"probabilities": dict(enumerate(values))}],
        }

    def json(self):
        return self._found


@pytest.mark.parametrize(
    ("answer", "counted"),
    [
        (Answer(200), "answered"),
        (Answer(200, values=(0.8, 0.2)), "wrong"),
        (Answer(200, digest="another"), "wrong"),
        (Answer(429), "refused"),
        (Answer(503), "refused"),
        (Answer(500), "errors"),
        (soak.requests.ConnectionError(), "lost"),
    ],
)
def test_each_answer_is_held_against_what_predict_says(monkeypatch, answer, counted):
    def post(*_, **__):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(soak.requests, "post", post)
    seen = soak.Seen()
    soak.ask("", [{}], {"a": soak.np.array([[0.9, 0.1]])}, seen, 5)
    assert dict(seen.counts) == {counted: 1}


def test_a_package_is_replaced_whole_and_broken(tmp_path):
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name * 10)
    soak.put(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old/file").read_text() == "new" * 10
    assert len((soak.broken(tmp_path / "new", tmp_path / "cut") / "file").read_text()) == 15
    assert len((tmp_path / "new/file").read_text()) == 30
    assert {path.name for path in tmp_path.iterdir()} == {"old", "new", "cut"}
