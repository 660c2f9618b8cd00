"""CLIP of open_clip: one space for pictures and texts (Radford et al. 2021)."""

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import Section
from aisle.pretrained.exports.registry import agree
from aisle.pretrained.runtime import Runtime, core, save

TEXTS = ["a photo of a steel coffee mug", "Men's Watch, 42 mm (blue): 10% off"]


class Export(Section):
    """Both towers: image.xml, picture (1, 3, side, side) 0-255; text.xml, tokens (1, n); tokenizer.json.

    Each gives a vector (1, dimension) of length 1. Files: one checkpoint of open_clip, or OpenAI's own.

    Parameters
    ----------
    architecture
        Name of open_clip's model; OpenAI's weights need a `-quickgelu`.
    """

    architecture: str = "ViT-B-32-quickgelu"

    def export(self, files: dict[str, Path], seed: int | None, folder: Path) -> dict[str, Any]:
        """Write both towers and the tokeniser, and compare them with open_clip."""
        core()
        import open_clip
        import openvino
        import torch

        if self.architecture not in open_clip.list_models():
            raise AisleError(f"architecture must be one of open_clip's models, not {self.architecture!r}")
        torch.manual_seed(seed or 0)
        torch.backends.mha.set_fastpath_enabled(False)  # its fused layer cannot be converted
        logging.disable(logging.WARNING)  # of no weights: they are loaded below, or shall be random
        try:
            model = open_clip.create_model(self.architecture, pretrained=None).eval()
        finally:
            logging.disable(logging.NOTSET)
        for checkpoint in files.values():
            load(model, checkpoint)
        mean, sd = (
            torch.tensor(values).view(1, 3, 1, 1) * 255
            for values in (model.visual.image_mean, model.visual.image_std)
        )
        words = tokenizer(model.context_length)
        check_tokenizer(words, open_clip.get_tokenizer(self.architecture))
        words.save(str(folder / "tokenizer.json"), pretty=False)

        class Picture(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.model = model

            def forward(self, picture: torch.Tensor) -> torch.Tensor:
                return self.model.encode_image((picture - mean) / sd, normalize=True)

        class Text(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.model = model

            def forward(self, tokens: torch.Tensor) -> torch.Tensor:
                return self.model.encode_text(tokens, normalize=True)

        side = model.visual.image_size[0]
        picture = np.random.default_rng(0).uniform(0, 255, (1, 3, side, side)).astype(np.float32)
        tokens = np.array([words.encode(TEXTS[0]).ids])
        for tower, name, example in ((Picture(), "image", picture), (Text(), "text", tokens)):
            with warnings.catch_warnings(), torch.inference_mode():
                warnings.simplefilter("ignore")  # the tracer's
                tensor = torch.from_numpy(example)
                exported = openvino.convert_model(
                    tower.eval(), example_input=tensor, input=list(example.shape)
                )
                expected = tower(tensor).numpy()[0]
            save(exported, folder / f"{name}.xml")
            agree(expected, Runtime(folder / f"{name}.xml").run([example])[0], f"CLIP's {name} tower")
        return {
            "architecture": self.architecture,
            "side": side,
            "dimension": len(expected),
            "max_tokens": model.context_length,
            "logit_scale": round(float(model.logit_scale.detach().exp()), 4),
            "parameters": sum(tensor.numel() for tensor in model.parameters()),
        }


def load(model: Any, checkpoint: Path) -> None:
    """Load a state dict (.pt, .bin, .safetensors), or the TorchScript archive that OpenAI published."""
    import open_clip
    import torch

    try:
        state = torch.jit.load(str(checkpoint), map_location="cpu").state_dict()
    except RuntimeError:  # not TorchScript
        open_clip.load_checkpoint(model, str(checkpoint))
        return
    sizes = ("input_resolution", "context_length", "vocab_size")
    model.load_state_dict({name: tensor.float() for name, tensor in state.items() if name not in sizes})


def tokenizer(context: int) -> Any:
    """Return CLIP's tokeniser, of open_clip's vocabulary, in the format of the tokenizers library."""
    from open_clip.tokenizer import SimpleTokenizer
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    original = SimpleTokenizer()
    start, end = "<start_of_text>", "<end_of_text>"
    result = Tokenizer(
        models.BPE(
            vocab=original.encoder,
            merges=sorted(original.bpe_ranks, key=original.bpe_ranks.get),
            end_of_word_suffix="</w>",
            unk_token=end,
        )
    )
    result.normalizer = normalizers.Sequence(
        [normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    words = Regex(r"<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    result.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(words, behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    result.decoder = decoders.ByteLevel()
    first, last = original.encoder[start], original.encoder[end]
    result.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(start, first), (end, last)]
    )
    result.enable_truncation(context)
    result.enable_padding(length=context, pad_id=0, pad_token="!")
    return result


def check_tokenizer(words: Any, original: Any) -> None:
    """Compare token ids with open_clip's on texts without markup."""
    for text in TEXTS:
        if words.encode(text).ids != original([text])[0].tolist():
            raise AisleError(f"the exported tokeniser must agree with open_clip's; it does not on {text!r}")
