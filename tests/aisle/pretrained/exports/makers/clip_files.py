"""Write a small random CLIP in three formats, export each; keep what open_clip makes of some inputs."""

import json
import sys
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import save_file

from aisle.pretrained import description
from aisle.pretrained.exports.clip import Export
from aisle.pretrained.sources import WeightsParams

folder = Path(sys.argv[1])
config = {
    "embed_dim": 24,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
(folder / "tiny.json").write_text(json.dumps(config))
open_clip.add_model_config(folder / "tiny.json")
torch.manual_seed(7)
model, _, preprocess = open_clip.create_model_and_transforms("tiny")
model = model.eval()
torch.save(model.state_dict(), folder / "state.pt")
save_file(
    {name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / "state.safetensors"
)


class Archive(torch.nn.Module):
    """What OpenAI's archive is: the parameters under their names, and a method that is not needed."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the input."""
        return x


def nested(module: torch.nn.Module) -> torch.nn.Module:
    """Return a module with the parameters of another and nothing else."""
    result = Archive()
    for name, parameter in module.named_parameters(recurse=False):
        result.register_parameter(name, torch.nn.Parameter(parameter.detach().clone()))
    for name, child in module.named_children():
        result.add_module(name, nested(child))
    return result


torch.jit.script(nested(model)).save(str(folder / "torchscript.pt"))
rng = np.random.default_rng(2)
rows = []
for number, size in enumerate([(100, 70), (64, 64), (40, 91), (333, 512)]):
    picture = Image.fromarray(rng.integers(0, 256, (5, 7, 3), np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    picture.save(folder / f"{number}.png")
    with torch.inference_mode():
        rows.append(model.encode_image(preprocess(picture)[None], normalize=True)[0].numpy())
np.save(folder / "pictures.npy", np.stack(rows))
texts = [
    "A photo of a mug",
    "men's watch &amp; strap, 42mm",
    "caf\u00e9 \u2013 10% off!!  ",
    "x" * 500,
    "\u7d05 \u2615",
]
(folder / "texts.json").write_text(json.dumps(texts))
with torch.inference_mode():
    tokens = open_clip.get_tokenizer("ViT-B-32-quickgelu")(texts)
    np.save(folder / "texts.npy", model.encode_text(tokens, normalize=True).numpy())
for name in ("state.pt", "state.safetensors", "torchscript.pt"):
    out = folder / f"out-{name}"
    out.mkdir()
    facts = Export(architecture="tiny").export({name: folder / name}, 0, out)
    description.write(
        description.describe(WeightsParams(export="clip", source="path", files={name: {}}), facts, out), out
    )
