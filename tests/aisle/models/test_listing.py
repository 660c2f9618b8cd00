"""listing.py: which models there are, where their files lie; what an earlier run left is refused."""

import copy

import pandas as pd
import pytest

from aisle.models import listing
from aisle.models.predictions_table import NO_SEED
from aisle.pipeline import tables
from aisle.pipeline.errors import AisleError
from aisle.pretrained.status import NONE

SECTIONS = {
    "classifiers": {
        "words": {"title": "Words", "classifier": "text_linear", "input": "data/text.parquet"},
        "pixels": {"title": "Pixels", "classifier": "feature_svm", "input": "features/image/pixels.parquet"},
        "seen": {"title": "Seen", "classifier": "feature_svm", "input": "features/image/net_avg.parquet"},
    },
    "fusions": {"late": {"title": "Late", "method": "vote", "models": ["words", "seen"]}},
    "zero_shot": {"prompted": {"title": "Prompted", "weights": "clip", "features": "x", "prompts": ["{}"]}},
    "fine_tunes": {"tuned": {"title": "Tuned", "encoder": "keras_backbone", "weights": "net"}},
    "transfer": {
        "backbones": ["net_avg"],
        "heads": {"dense": {"title": "dense head"}, "deep": {"title": "deep head"}},
    },
    "fusion_networks.names": {"attention": "Attention"},
    "seeds": [3, 5],
    "encoders.image": {
        "pixels": {"encoder": "descriptors", "weights": NONE},
        "net_avg": {"encoder": "keras_backbone", "weights": "net"},
        "net_max": {"encoder": "keras_backbone", "weights": "net"},
        "clip": {"encoder": "clip", "weights": "clip"},
    },
    "feature_sets": {
        "bow": {"features": "features/text/bow.parquet", "scaling": "l2"},
        "net": {"features": "features/image/net_avg.parquet", "scaling": "l2"},
        "net_raw": {"features": "features/image/net_avg.parquet", "scaling": "none"},
        "net_max": {"features": "features/image/net_max.parquet", "scaling": "l2"},
    },
}
STEMS = {
    "words": {NO_SEED: "classifiers/words"},
    "pixels": {NO_SEED: "classifiers/pixels"},
    "seen": {NO_SEED: "classifiers/seen"},
    "late": {NO_SEED: "fusions/late"},
    "prompted": {NO_SEED: "classifiers/prompted"},
    "tuned": {NO_SEED: "fine_tuned/tuned"},
    "net_avg_dense": {3: "heads/net_avg/net_avg_dense-3", 5: "heads/net_avg/net_avg_dense-5"},
    "net_avg_deep": {3: "heads/net_avg/net_avg_deep-3", 5: "heads/net_avg/net_avg_deep-5"},
    "attention": {3: "networks/attention/attention-3", 5: "networks/attention/attention-5"},
}
"""Every model of SECTIONS, where its files lie."""


@pytest.fixture
def sections():
    return copy.deepcopy(SECTIONS)


@pytest.fixture
def listed(sections):
    return listing.make(sections)


def test_every_model_has_its_name_title_stage_and_place(listed):
    assert {model.name: model.stems for model in listed.models} == STEMS
    assert [model.name for model in listed.models] == list(STEMS)  # the order of params.yaml
    assert {model.name: (model.title, model.stage) for model in listed.models} == {
        "words": ("Words", "classify@words"),
        "pixels": ("Pixels", "classify@pixels"),
        "seen": ("Seen", "classify@seen"),
        "late": ("Late", "fuse"),
        "prompted": ("Prompted", "zero_shot@prompted"),
        "tuned": ("Tuned", "fine_tune@tuned"),
        "net_avg_dense": ("net_avg: dense head", "train_heads@net_avg"),
        "net_avg_deep": ("net_avg: deep head", "train_heads@net_avg"),
        "attention": ("Attention", "train_network@attention"),
    }
    assert listed.model("late") == listed.models[3]


def test_of_a_model_on_pictures_alone_it_says_whose_encoder_that_is(listed):
    found = {model.name: model.pretrained for model in listed.models if model.pretrained != NONE}
    net = ("seen", "tuned", "net_avg_dense", "net_avg_deep")
    assert found == dict.fromkeys(net, "net") | {"prompted": "clip"}


def test_those_that_learn_in_epochs_have_a_history(listed):
    assert [model.name for model in listed.models if model.has_history] == [
        *("tuned", "net_avg_dense", "net_avg_deep", "attention")
    ]


def test_feature_sets_by_pretrained_encoder(listed):
    assert listed.feature_sets == ["bow", "net", "net_raw", "net_max"]
    assert listed.backbones == {"net": ["net", "net_raw", "net_max"], "clip": []}


def test_what_is_not_wanted_is_not_listed(sections):
    sections["fusion_networks.names"] = {}
    sections["transfer"]["backbones"] = []
    assert [model.name for model in listing.make(sections).models] == list(STEMS)[:6]


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("fusions", "words"),
        ("zero_shot", "late"),
        ("fine_tunes", "attention"),
        ("classifiers", "net_avg_deep"),
    ],
)
def test_two_models_of_one_name_are_an_error(sections, section, name):
    sections[section][name] = {"title": "t", "input": "i", "weights": "clip"}
    with pytest.raises(AisleError, match=f"names of their own; {name} is the name of several"):
        listing.make(sections)


def test_it_is_read_as_it_was_written(listed, tmp_path):
    listing.write(listed, tmp_path / "data/listing.json")
    assert listing.read(tmp_path / "data/listing.json") == listed
    first = (tmp_path / "data/listing.json").read_bytes()
    listing.write(listing.make(copy.deepcopy(SECTIONS)), tmp_path / "data/listing.json")
    assert (tmp_path / "data/listing.json").read_bytes() == first


@pytest.fixture
def folder(tmp_path):
    """Return predictions/ and reports/histories/ of the models; a file's content is its own stem."""
    for seeds in STEMS.values():
        for stem in seeds.values():
            table = pd.DataFrame({"product_id": [stem]})
            tables.write(table, tmp_path / f"predictions/{stem}.parquet", "tiny", weights="none")
            tables.write_csv(table.assign(epoch=1), tmp_path / f"histories/{stem}.csv", "tiny")
    return tmp_path


def test_the_predictions_of_every_model_by_seed(listed, folder):
    found = listing.read_predictions(listed, folder / "predictions")
    said = {
        name: {seed: table["product_id"].item() for seed, table in seeds.items()}
        for name, seeds in found.items()
    }
    assert said == STEMS and list(found) == list(STEMS)
    assert found["late"][NO_SEED].attrs == {"catalogue": "tiny", "weights": "none"}
    assert found["late"][NO_SEED] is not found["late"][NO_SEED], "what was asked for before must not be kept"


@pytest.mark.parametrize("stem", ["classifiers/words", "heads/net_avg/net_avg_deep-5"])
def test_a_missing_file_is_named(listed, folder, stem):
    (folder / f"predictions/{stem}.parquet").unlink()
    with pytest.raises(AisleError, match=rf"{stem}\.parquet must be there for .*; run `dvc repro`"):
        listing.read_predictions(listed, folder / "predictions")


@pytest.mark.parametrize(
    "left",
    [
        *("classifiers/old", "fusions/words", "heads/net_avg/net_avg_dense-4", "heads/gone/gone_dense-3"),
        *("networks/unused/unused-3", "networks/attention/attention", "words"),
    ],
)
def test_a_file_that_an_earlier_run_left_is_refused(listed, folder, left):
    tables.write(pd.DataFrame({"product_id": ["x"]}), folder / f"predictions/{left}.parquet", "tiny")
    with pytest.raises(AisleError, match=rf"what params\.yaml names and no more; delete .*{left}\.parquet"):
        listing.read_predictions(listed, folder / "predictions")


def test_a_history_has_all_seeds_and_says_whose_a_row_is(listed, folder):
    found = listing.read_histories(listed, folder / "histories")
    assert list(found) == ["tuned", "net_avg_dense", "net_avg_deep", "attention"]
    for name, table in found.items():
        assert dict(zip(table["seed"], table["product_id"], strict=True)) == STEMS[name]
    (folder / "histories/networks/attention/attention-5.csv").unlink()
    with pytest.raises(AisleError, match=r"attention-5\.csv must be there for 'attention'"):
        listing.read_histories(listed, folder / "histories")
