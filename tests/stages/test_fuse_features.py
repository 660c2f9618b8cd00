"""stages/fuse_features.py: the file of two encoders' vectors side by side."""

import numpy as np
import pytest

from aisle.representations import concatenation, recipes, vectors_file


def test_the_file(built, tmp_path):
    path = built.root / "features/fused/text_picture.parquet"
    fused = vectors_file.read(path)
    tfidf = vectors_file.read(built.root / "features/text/tfidf.parquet")
    assert fused.product_ids == tfidf.product_ids and fused.available.all()
    assert fused.metadata["encoder"] == "tfidf+descriptors" and fused.metadata["catalogue"] == "tiny"
    np.testing.assert_allclose(np.linalg.norm(fused.vectors, axis=1), 1, rtol=1e-5)
    made_of = recipes.loads(fused.metadata["recipe"])
    assert made_of.text == recipes.loads(tfidf.metadata["recipe"]) and made_of.text.learned
    assert made_of.picture.encoder == "descriptors" and not made_of.picture.learned
    assert made_of.picture_weight == built.params["fused_sets"]["text_picture"]["picture_weight"]
    assert recipes.modalities(made_of) == {"text", "image"}
    built.run("fuse_features", "text_picture", output=tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("weight", [-0.1, 1.1])
def test_a_weight_beyond_0_and_1_is_a_clear_error(built, tmp_path, capsys, weight):
    def edit(params):
        params["fused_sets"]["text_picture"]["picture_weight"] = weight

    with pytest.raises(SystemExit) as stop:
        built.with_params(tmp_path, edit).run("fuse_features", "text_picture", output=tmp_path / "never")
    assert stop.value.code == 2 and "picture_weight" in capsys.readouterr().err
    assert not (tmp_path / "never").exists()


def test_the_file_is_the_same_however_many_rows_are_in_memory(built, tmp_path, monkeypatch):
    text, picture = (built.root / f"features/{each}.parquet" for each in ("text/tfidf", "image/descriptors"))
    whole = concatenation.fuse(vectors_file.read(text), vectors_file.read(picture), 0.3)
    vectors_file.write(whole, tmp_path / "whole.parquet")
    concatenation.write(text, picture, 0.3, tmp_path / "one.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    monkeypatch.setattr(vectors_file, "ROWS", 7)
    concatenation.write(text, picture, 0.3, tmp_path / "parts.parquet")
    parts = vectors_file.read(tmp_path / "parts.parquet")
    assert parts.product_ids == whole.product_ids
    assert {**parts.metadata, "dimension": ""} == {**whole.metadata, "dimension": ""}
    np.testing.assert_array_equal(parts.vectors, whole.vectors)
