"""exports/sentence_transformer: a folder as its own library reads it; torch has a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aisle.pipeline.errors import AisleError
from aisle.pretrained import description, fetch
from aisle.pretrained.description import digest
from aisle.pretrained.exports import registry as exports
from aisle.pretrained.sources import WeightsParams, label
from aisle.representations.encoders.text.sentence_transformer import SentenceTransformerEncoder

REPO = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the folder of what makers/sentence_transformer.py writes."""
    folder = tmp_path_factory.mktemp("sentence_transformer")
    command = [sys.executable, str(Path(__file__).parent / "makers/sentence_transformer.py"), str(folder)]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(REPO), os.environ.get("PYTHONPATH"))))
    }
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def vectors(folder, *names):
    return [np.load(folder / f"{name}.npy") for name in names]


def cosines(a, b):
    return np.sum(a * b, axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_any_folder_gives_what_its_library_gives(made):
    found, expected, no_prompt = vectors(made, "found", "expected", "no_prompt")
    assert found.dtype == np.float32 and found.shape == (6, 32)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert (cosines(no_prompt, expected) < 0.999).any()  # the model's prompt stands before each text
    assert description.read(made / "out").facts == {"dimension": 32, "max_tokens": 12, "parameters": 35_136}


def test_row_i_depends_on_text_i_alone(made):
    """On one core and on several, among others in any order, bit for bit."""
    found, backwards, alone = vectors(made, "found", "reversed", "alone")
    np.testing.assert_array_equal(found, backwards)
    np.testing.assert_array_equal(found, alone)


def test_minilm_is_what_its_export_to_openvino_gives(made):
    torch, openvino = vectors(made, "minilm_torch", "minilm_openvino")
    assert (cosines(torch, openvino) > 0.9999).all()


def test_known_texts_need_no_torch(made):
    """Where the item cache has every text, the columns are all that is asked of the encoder."""
    encoder = SentenceTransformerEncoder(str(made / "out"))
    assert list(encoder.get_feature_names_out())[::31] == [
        "sentence_transformer_0",
        "sentence_transformer_31",
    ]
    assert "_model" not in vars(encoder)


def entry(folder, names):
    files = {name: {"sha256": digest(folder / name)} for name in names}
    return WeightsParams(export="sentence_transformer", source="path", path=str(folder), files=files)


def test_the_label_changes_with_any_file(made):
    names = sorted(
        path.relative_to(made / "tiny").as_posix() for path in (made / "tiny").rglob("*") if path.is_file()
    )
    params = entry(made / "tiny", names)
    assert description.read(made / "out").label == label(params)
    changed = params.model_dump()
    changed["files"]["1_Pooling/config.json"]["sha256"] = "0" * 64
    changed = WeightsParams(**changed)
    assert description.read(made / "out").label != label(changed)
    with pytest.raises(AisleError, match=r"1_Pooling/config\.json must have sha256 0000"):
        fetch.export("tiny", changed, made)


def test_a_description_left_out_is_no_silent_default(made, tmp_path):
    """Without it the library would read texts to another length, or without the prompt."""
    names = ["model.safetensors", "modules.json", "config.json", "tokenizer.json", "1_Pooling/config.json"]
    with pytest.raises(AisleError, match=r"add .*sentence_bert_config\.json"):
        fetch.export("tiny", entry(made / "tiny", names), tmp_path)
    with pytest.raises(AisleError, match=r"must have modules\.json"):
        fetch.export("tiny", entry(made / "tiny", names[:1]), tmp_path)
    with pytest.raises(AisleError, match="found random"):
        exports.create("sentence_transformer", {}).export({}, 0, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_model_is_one_clear_error(tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    (source / "modules.json").write_text(json.dumps({"no": "modules"}))
    with pytest.raises(AisleError, match=r"modules\.json must be a list of modules"):
        fetch.export("tiny", entry(source, ["modules.json"]), out)
