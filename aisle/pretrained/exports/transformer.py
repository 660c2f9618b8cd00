"""BERT-like sentence encoders: the mean of the last layer over the real tokens."""

import warnings
from pathlib import Path
from typing import Any

from pydantic import Field

from aisle.pipeline.errors import AisleError, some
from aisle.pipeline.params import Section
from aisle.pretrained.exports.registry import agree
from aisle.pretrained.runtime import Runtime, core, save

WEIGHTS, VOCABULARY = "model.safetensors", "vocab.txt"
SPELLINGS = {"gamma": "weight", "beta": "bias"}
"""Ends of tensor names in the first BERT's files, to those of today."""


def tokenizer(vocabulary: Path, max_tokens: int, lowercase: bool) -> Any:
    """Return BERT's word-piece tokeniser, which cuts at `max_tokens`."""
    from tokenizers.implementations import BertWordPieceTokenizer

    result = BertWordPieceTokenizer(str(vocabulary), lowercase=lowercase)
    result.enable_truncation(max_tokens)
    return result


class Export(Section):
    """A sentence encoder: model.xml, token ids (1, tokens) to a vector (1, hidden_size); tokenizer.json.

    Files: model.safetensors, vocab.txt.

    Parameters
    ----------
    hidden_size, num_hidden_layers, num_attention_heads, intermediate_size
        Sizes of the BERT, by the names in its configuration (Devlin et al. 2019).
    max_tokens
        Where longer texts are cut, [CLS] and [SEP] included.
    lowercase
        Whether the model is uncased.
    normalize
        Whether the vector gets length 1, as in sentence-transformers' models for similarity.
    """

    hidden_size: int = Field(ge=1)
    num_hidden_layers: int = Field(ge=1)
    num_attention_heads: int = Field(ge=1)
    intermediate_size: int = Field(ge=1)
    max_tokens: int = Field(256, ge=3)
    lowercase: bool = True
    normalize: bool = False

    def export(self, files: dict[str, Path], seed: int | None, folder: Path) -> dict[str, Any]:
        """Write model and tokeniser, and compare the model with torch on fixed tokens."""
        needed = [VOCABULARY] if seed is not None else [VOCABULARY, WEIGHTS]
        if missing := sorted(set(needed) - set(files)):
            raise AisleError(f"files of a transformer must be {some(needed)}; there is no {some(missing)}")
        core()
        import openvino
        import torch

        words = tokenizer(files[VOCABULARY], self.max_tokens, self.lowercase)
        words.save(str(folder / "tokenizer.json"), pretty=False)
        torch.manual_seed(seed or 0)
        encoder = self._encoder(words.get_vocab_size(), files.get(WEIGHTS))
        path, shape = folder / "model.xml", openvino.PartialShape([1, -1])
        tokens = torch.arange(1, 24)[None] % words.get_vocab_size()
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # the tracer's, on branches that a single text never takes
            model = openvino.convert_model(
                encoder, example_input=tokens[:, :9], input=[("input_ids", shape, openvino.Type.i64)]
            )
            expected = encoder(tokens).numpy()[0]
        save(model, path)
        agree(expected, Runtime(path).run([tokens.numpy()])[0], "the sentence encoder")
        parameters = sum(tensor.numel() for tensor in encoder.parameters())
        return {"dimension": self.hidden_size, "max_tokens": self.max_tokens, "parameters": parameters}

    def _encoder(self, vocabulary: int, weights: Path | None) -> Any:
        """Return a torch module: ids (1, tokens) -> vector (1, hidden_size); random without weights."""
        import torch
        from safetensors.torch import load_file
        from transformers import BertConfig, BertModel

        shape = self.model_dump(exclude={"max_tokens", "lowercase", "normalize"})
        bert = BertModel(BertConfig(vocab_size=vocabulary, **shape), add_pooling_layer=False).eval()
        if weights:
            bert.load_state_dict(state(load_file(weights)))
        normalize = self.normalize

        class MeanOfTokens(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.bert = bert

            def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
                mean = self.bert(input_ids=input_ids).last_hidden_state.mean(1)
                return torch.nn.functional.normalize(mean, dim=1) if normalize else mean

        return MeanOfTokens().eval()


def state(tensors: dict[str, Any]) -> dict[str, Any]:
    """Return a checkpoint's tensors under BertModel's names, without heads and buffers."""
    result = {}
    for name, tensor in tensors.items():
        name = name.removeprefix("bert.")
        head, _, last = name.rpartition(".")
        if name.startswith(("embeddings.", "encoder.")) and last != "position_ids":
            result[f"{head}.{SPELLINGS.get(last, last)}"] = tensor
    return result
