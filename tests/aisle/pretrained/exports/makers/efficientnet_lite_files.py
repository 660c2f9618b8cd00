"""EfficientNet-Lite0 by timm and by our export, of random weights and the package's; wrong checkpoints."""

import json
import sys
from pathlib import Path

import numpy as np
import timm
import torch

from aisle.pipeline.errors import AisleError
from aisle.pretrained.exports.efficientnet_lite import Export, read

folder, package = Path(sys.argv[1]), sys.argv[2:]


def compare(name, checkpoint, side):
    """Export a checkpoint, and keep the pictures and what timm makes of them."""
    net = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    tensors = [tensor for key, tensor in state.items() if "num_batches_tracked" not in key]
    names = [key for key in net.state_dict() if "num_batches_tracked" not in key]
    net.load_state_dict(dict(zip(names, tensors, strict=True)), strict=False)
    pictures = np.random.default_rng(1).uniform(0, 255, (2, side, side, 3)).astype(np.float32)
    with torch.inference_mode():
        scaled = (torch.tensor(pictures) - 127) / 128
        maps = net.forward_features(scaled.permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    np.savez(folder / f"{name}.npz", pictures=pictures, maps=maps)
    (folder / name).mkdir()
    facts = Export(side=side).export({checkpoint.name: checkpoint}, None, folder / name)
    layers = [each for key, each in net.named_parameters() if each.ndim == 4]
    counted = sum(
        kernel.numel() + len(kernel) for kernel in layers
    )  # a folded layer has one bias per channel
    (folder / f"{name}.json").write_text(json.dumps({"facts": facts, "parameters": counted}))


torch.manual_seed(0)
net = timm.create_model("tf_efficientnet_lite0", pretrained=False)
for layer in net.modules():
    if isinstance(layer, torch.nn.BatchNorm2d):  # timm draws none: all would be 0 and 1
        torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
        torch.nn.init.normal_(layer.bias, 0, 0.3)
        torch.nn.init.normal_(layer.running_mean, 0, 0.3)
        torch.nn.init.uniform_(layer.running_var, 0.5, 2)  # smaller ones magnify rounding, timm's own too
state = net.state_dict()
torch.save(state, folder / "random.pth")
compare("random", folder / "random.pth", 75)  # odd, so that the padding is not the same on both sides
if package:
    compare("package", Path(package[0]), 224)

first, *_, last = state
headless = {key: tensor for key, tensor in state.items() if not key.startswith("classifier")}
torch.save(headless, folder / "headless.pth")
read(folder / "headless.pth")
wrong = {
    "fewer": {key: tensor for key, tensor in state.items() if key != last},
    "more": state | {"another": torch.zeros(1)},
    "flat": state | {first: state[first].flatten()},
    "nested": {"state_dict": state},
    "listed": list(state.values()),
}
told = {}
for name, content in wrong.items():
    torch.save(content, folder / f"{name}.pth")
(folder / "text.pth").write_bytes(b"not a checkpoint")
for name in (*wrong, "text"):
    try:
        read(folder / f"{name}.pth")
    except AisleError as error:
        told[name] = str(error)
(folder / "told.json").write_text(json.dumps(told))
