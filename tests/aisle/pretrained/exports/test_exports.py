"""pretrained/exports: every format that weights come in, made small, gives what the original framework gives.

Each framework has a process of its own: TensorFlow and torch crash in one.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aisle.pipeline.errors import AisleError
from aisle.pretrained import description
from aisle.pretrained.description import digest
from aisle.pretrained.exports import registry as exports
from aisle.pretrained.fetch import export
from aisle.pretrained.sources import WeightsParams
from aisle.representations.encoders.image import clip as clip_image
from aisle.representations.encoders.image import keras_backbone
from aisle.representations.encoders.text import clip as clip_text
from aisle.representations.encoders.text import transformer, use

REPO = Path(__file__).parents[4]
MAKERS = Path(__file__).parent / "makers"
TEXTS = [
    "Red coffee mug",
    "a steel watch, 42 mm: water-resistant; men's",
    "caf\u00e9 \u2013 r\u00e9sum\u00e9 100%",
]


def made(tmp_path_factory, maker):
    """Run a script of makers/ in a process of its own; return the folder of what it made."""
    folder = tmp_path_factory.mktemp(maker)
    command = [sys.executable, str(MAKERS / f"{maker}.py"), str(folder)]
    environment = os.environ | {"PYTHONPATH": str(REPO)}
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def exported(folder, export, options, files, seed=0):
    """Run stages/fetch_weights.py as its command does, in a process of its own; return the output folder."""
    entries = {name: {"sha256": digest(path)} for name, path in files.items()}
    first = next(iter(files.values()), None)
    entry = {
        "export": export,
        "options": options,
        "source": "path" if files else "random",
        "path": str(first if len(files) == 1 else first and first.parent),
        "files": entries,
        "seed": seed,
    }
    (folder / "weights.yaml").write_text(json.dumps({"weights": {"tiny": entry}}))  # JSON is YAML
    command = [sys.executable, "-m", "stages.fetch_weights", "--weights", "tiny", "--output", folder / "out"]
    done = subprocess.run(
        [*command, "--weights-file", folder / "weights.yaml"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "out"


def cosine(a, b):
    a, b = np.asarray(a, float).ravel(), np.asarray(b, float).ravel()
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def pictures():
    rng = np.random.default_rng(1)
    return [
        np.asarray(Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8)).resize(size, 2))
        for size in ((300, 200), (224, 224), (90, 400))
    ]


# ------------------------------------------------------------------------------------------------- Keras


@pytest.fixture(scope="module")
def keras_files(tmp_path_factory):
    return made(tmp_path_factory, "keras_files")


@pytest.mark.parametrize("name", ["backbone.weights.h5", "backbone.h5"])
def test_both_keras_formats_give_what_keras_predicts(keras_files, tmp_path, name):
    options = {"architecture": "MobileNetV3Small", "side": 224}
    out = exported(tmp_path, "keras_backbone", options, {name: keras_files / name})
    whole = keras_backbone.KerasBackbone(str(out), pooling="none").transform(pictures())
    mean = keras_backbone.KerasBackbone(str(out)).transform(pictures())
    expected = np.load(keras_files / "expected.npy")  # Keras's own preprocessing and predict
    for row, average, right in zip(whole, mean, expected, strict=True):
        assert cosine(row, right) > 0.99999
        np.testing.assert_allclose(average, right.mean((0, 1)), rtol=1e-3, atol=1e-5)
    facts = description.read(out).facts
    assert facts["side"] == 224 and facts["map"] == [7, 7, 576] and facts["parameters"] == 939_120


def test_every_architecture_agrees_with_keras(tmp_path_factory):
    """The script exports each with random weights; an export that disagrees with Keras fails."""
    maps = json.loads((made(tmp_path_factory, "keras_architectures") / "maps.json").read_text())
    assert maps == {
        "VGG16": [7, 7, 512],
        "ResNet50": [7, 7, 2048],
        "EfficientNetB0": [7, 7, 1280],
        "InceptionV3": [8, 8, 2048],
        "MobileNetV2": [7, 7, 1280],
        "MobileNetV3Small": [7, 7, 576],
    }


def test_efficientnet_of_a_file_is_what_keras_makes_of_imagenet(tmp_path_factory):
    """Keras adds a layer for `weights="imagenet"` only, though the official file needs it from any path."""
    folder = made(tmp_path_factory, "efficientnet")
    ours, keras, without = (np.load(folder / f"{name}.npy") for name in ("ours", "keras", "without"))
    np.testing.assert_allclose(ours, keras, rtol=1e-3, atol=1e-6)
    assert cosine(without, keras) < 0.9999


# ------------------------------------------------------------------------- safetensors and a vocabulary


@pytest.fixture(scope="module")
def bert_files(tmp_path_factory):
    return made(tmp_path_factory, "bert_files")


SMALL_BERT = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_tokens": 12,
}


def test_pretrained_never_means_random(bert_files, tmp_path):
    """A file under another name than the export reads is an error, not a model drawn at random."""
    with pytest.raises(AisleError, match=r"there is no model\.safetensors"):
        exports.create("transformer", SMALL_BERT).export(
            {"vocab.txt": bert_files / "vocab.txt"}, None, tmp_path
        )
    with pytest.raises(AisleError, match=r"there is no vocab\.txt"):
        exports.create("transformer", SMALL_BERT).export({}, 0, tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "old/model.safetensors"])
def test_a_transformer_gives_what_torch_gives(bert_files, tmp_path, name):
    """`old` has the first BERT's names: a prefix, gamma, beta and heads."""
    source = (bert_files / name).parent
    files = {file: source / file for file in ("model.safetensors", "vocab.txt")}
    out = exported(tmp_path, "transformer", SMALL_BERT, files)
    encoder = transformer.SentenceEncoder(str(out))
    texts = json.loads((bert_files / "texts.json").read_text())
    np.testing.assert_allclose(
        encoder.transform(texts), np.load(bert_files / "expected.npy"), rtol=1e-3, atol=1e-5
    )
    assert encoder.count_cut(texts) == 1


def test_the_same_seed_gives_the_same_random_model(bert_files, tmp_path):
    script = (
        "import sys; from pathlib import Path; from aisle.pretrained import description; "
        "from aisle.pretrained.exports import registry as exports; "
        "from aisle.pretrained.sources import WeightsParams\n"
        "for text in sys.argv[3:]:\n"
        "    p = WeightsParams.model_validate_json(text); out = Path(sys.argv[1], str(p.seed)); out.mkdir()\n"
        "    exports.create(p.export, p.options).export({'vocab.txt': Path(sys.argv[2])}, p.seed, out)\n"
        "    print(description.describe(p, {}, out).model)"
    )
    models = []
    for seeds in ((0, 1), (0,)):  # the first seed in two processes
        folder = tmp_path / str(len(seeds))
        folder.mkdir()
        files = {"vocab.txt": {"sha256": digest(bert_files / "vocab.txt"), "package": "vocab.txt"}}
        each = [
            WeightsParams(export="transformer", options=SMALL_BERT, source="random", files=files, seed=seed)
            for seed in seeds
        ]
        arguments = [str(folder), str(bert_files / "vocab.txt"), *(one.model_dump_json() for one in each)]
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments], cwd=REPO, capture_output=True, text=True, check=True
        )
        models += done.stdout.split()
    first, other, again = models
    assert first == again != other


# ------------------------------------------------------------------------------------------------ CLIP


@pytest.fixture(scope="module")
def clip_files(tmp_path_factory):
    """Return the folder of a small CLIP in three formats, each exported, and of what open_clip gives."""
    return made(tmp_path_factory, "clip_files")


@pytest.mark.parametrize("name", ["state.pt", "state.safetensors", "torchscript.pt"])
def test_every_checkpoint_of_clip_gives_what_open_clip_gives(clip_files, name):
    out = clip_files / f"out-{name}"
    pictures = [np.asarray(Image.open(path)) for path in sorted(clip_files.glob("*.png"))]
    found = clip_image.ClipImage(str(out)).transform(pictures)
    for row, right in zip(found, np.load(clip_files / "pictures.npy"), strict=True):
        assert cosine(row, right) > 0.99999
    texts = json.loads((clip_files / "texts.json").read_text())
    found = clip_text.ClipText(str(out)).transform(texts)
    for row, right in zip(found, np.load(clip_files / "texts.npy"), strict=True):
        assert cosine(row, right) > 0.99999


# ------------------------------------------------------------------------------------------- SavedModel


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    """Return the folder of a random SavedModel exported by the stage."""
    return exported(tmp_path_factory.mktemp("saved"), "saved_model", {"dimension": 8}, {})


def packed(folder, target, content):
    with tarfile.open(target, "w:gz") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)
        if content:
            info = tarfile.TarInfo(content)
            archive.addfile(info, io.BytesIO())
    return target


def test_a_saved_model_of_an_archive(saved_model, tmp_path):
    archive = packed(saved_model / "saved_model", tmp_path / "use.tar.gz", None)
    out = exported(tmp_path, "saved_model", {"dimension": 8}, {"use.tar.gz": archive})
    script = (
        "import sys, numpy; from aisle.representations.encoders.text.use import UniversalSentenceEncoder\n"
        "first, second = map(UniversalSentenceEncoder, sys.argv[2:4])\n"
        "texts = sys.argv[4:]\n"
        "rows = [first.transform(texts), second.transform(texts), second.transform(texts[::-1])]\n"
        "numpy.save(sys.argv[1], rows)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "rows.npy"), str(saved_model), str(out), *TEXTS]
    subprocess.run(command, cwd=REPO, capture_output=True, check=True)
    rows = np.load(tmp_path / "rows.npy")
    assert rows[0].shape == (3, 8) and len({row.tobytes() for row in rows[0]}) == 3
    np.testing.assert_array_equal(rows[0], rows[1])
    np.testing.assert_array_equal(rows[1], rows[2][::-1])
    assert list(use.UniversalSentenceEncoder(str(out)).get_feature_names_out())[:2] == ["use_0", "use_1"]


@pytest.mark.parametrize(
    ("content", "told"), [(None, "of a SavedModel"), ("other.txt", r"saved_model\.pb at")]
)
def test_an_archive_without_a_saved_model(tmp_path, content, told):
    archive = tmp_path / "use.tar.gz"
    archive.write_bytes(b"not an archive")
    if content:
        (tmp_path / "empty").mkdir()
        packed(tmp_path / "empty", archive, content)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(AisleError, match=told):
        exports.create("saved_model", {}).export({"use.tar.gz": archive}, 0, out)


# ------------------------------------------------------------------------------------------- the stage


def test_nothing_half_written_is_left_of_a_failed_run(tmp_path, built, capsys):
    (tmp_path / "model.safetensors").write_bytes(b"cut short")

    def edit(params):
        params["weights"]["minilm"] |= {"source": "path", "path": str(tmp_path)}

    wrong = built.with_params(tmp_path, edit)
    with pytest.raises(SystemExit) as end:
        wrong.run("fetch_weights", "minilm", output=tmp_path / "out")
    assert end.value.code == 2 and not (tmp_path / "out").exists()
    told = capsys.readouterr().err
    assert "model.safetensors must have sha256 53aa51" in told and "Three ways" in told


def test_weights_of_another_shape_are_one_clear_error(bert_files, tmp_path):
    files = {
        name: {"sha256": digest(bert_files / name), "learned": name != "vocab.txt"}
        for name in ("model.safetensors", "vocab.txt")
    }
    params = WeightsParams(
        export="transformer",
        options=SMALL_BERT | {"hidden_size": 16},
        source="path",
        path=str(bert_files),
        files=files,
    )
    with pytest.raises(AisleError, match=r"model\.safetensors.* must be weights of transformer"):
        export("tiny", params, tmp_path)


def test_weights_of_another_kind_are_one_clear_error(tmp_path):
    description.write(description.Weights("digest", "path", export="clip"), tmp_path)
    with pytest.raises(AisleError, match="must be an export 'keras_backbone', not 'clip'"):
        keras_backbone.KerasBackbone(str(tmp_path))


@pytest.mark.parametrize(("source", "label"), [("absent", "not available"), ("none", "none")])
def test_without_weights_there_is_only_the_description(tmp_path, source, label):
    params = WeightsParams(export="keras_backbone", source=source)
    found = export("tiny", params, tmp_path)
    assert (found.label, found.available, found.model) == (label, source == "none", "none")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("kears_backbone", {}, "'kears_backbone'"),
        ("keras_backbone", {"architecture": "VGG19"}, "architecture"),
        ("keras_backbone", {"architecture": "VGG16", "pooling": "avg"}, "pooling"),
        ("transformer", {}, "hidden_size"),
    ],
)
def test_wrong_options_are_named(name, options, told):
    with pytest.raises(AisleError, match=told):
        exports.create(name, options)


def test_an_export_that_disagrees_is_an_error():
    right = np.arange(5.0)
    exports.agree(right, right * 2, "x")
    for wrong in (right[::-1], right * 0, right * np.nan):
        with np.errstate(invalid="ignore"), pytest.raises(AisleError, match=r"x: .* must agree"):
            exports.agree(right, wrong, "x")
