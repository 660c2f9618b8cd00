"""Fine-tune a small random CLIP as stages/fine_tune.py does; keep what torch says of each part of it.

Arguments: an empty folder, and whether the last block is trained (`last_block` or `none`).
"""

import io
import json
import sys
from pathlib import Path

import numpy as np
import open_clip
import pandas as pd
import torch
from PIL import Image

from aisle.models.fine_tuning import clip
from aisle.models.fine_tuning.base import FineTuneParams
from aisle.models.hold_out_tuning import fine_tune
from aisle.pipeline.errors import AisleError
from aisle.pretrained.description import digest
from aisle.pretrained.sources import WeightsParams

folder, unfreeze = Path(sys.argv[1]), sys.argv[2]
config = {
    "embed_dim": 24,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 3, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 8, "vocab_size": 50, "width": 32, "heads": 2, "layers": 1},
}
(folder / "tiny.json").write_text(json.dumps(config))
open_clip.add_model_config(folder / "tiny.json")
convolutions = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None}
(folder / "convolutions.json").write_text(json.dumps(config | {"vision_cfg": convolutions}))
open_clip.add_model_config(folder / "convolutions.json")
errors = {}
for name in ("convolutions", "nonsense"):
    try:
        clip.build(name, None, 0)
    except AisleError as error:
        errors[name] = str(error)
(folder / "errors.json").write_text(json.dumps(errors))
torch.manual_seed(7)
original, _, preprocess = open_clip.create_model_and_transforms("tiny")
original = original.eval()
torch.save(original.state_dict(), folder / "state.pt")
before = {name: tensor.clone() for name, tensor in original.state_dict().items()}

rng = np.random.default_rng(0)
rows = []
for number in range(60):
    tint = [(200, 60, 60), (60, 200, 60), (60, 60, 200)][number % 3]
    pixels = rng.normal(tint, 60, (40, 50, 3)).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    split = ("train", "train", "train", "validation", "test")[number // 3 % 5]
    category = ("red", "green", "blue")[number % 3]
    rows.append((f"p{number:02}", file.getvalue(), category, split, int(split == "validation")))
table = pd.DataFrame(rows, columns=["product_id", "picture", "category", "split", "cv_0"])
table["picture"].to_frame().to_parquet(folder / "pictures.parquet")

caught = []
build = clip.build


def caught_build(*args):
    """Build, and keep the model that the tuner trains."""
    caught.append(build(*args))
    return caught[-1]


clip.build = caught_build
training = {
    "units": [16], "dropout": 0.1, "head_epochs": 3, "head_learning_rate": 3e-3, "epochs": 6,
    "learning_rate": 1e-3, "patience": 6, "batch_size": 8,
}  # fmt: skip
params = FineTuneParams(
    title="Tiny CLIP", encoder="clip", weights="tiny", options={"unfreeze": unfreeze}, training=training
)
state = {"state.pt": {"sha256": digest(folder / "state.pt")}}
pretrained = WeightsParams(
    export="clip",
    options={"architecture": "tiny"},
    source="path",
    path=str(folder / "state.pt"),
    files=state,
)
out = folder / "model"
out.mkdir()
predicted, history = fine_tune(table[["product_id", "picture"]], table, "tiny", params, pretrained, out)
predicted.to_csv(folder / "predicted.csv", index=False)
history.to_csv(folder / "history.csv", index=False)

(model,) = caught
changed = sorted(name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name]))
(folder / "changed.json").write_text(json.dumps(changed))
(folder / "names.json").write_text(json.dumps(sorted(before)))
with torch.inference_mode():
    pictures = torch.stack([preprocess(Image.open(io.BytesIO(data))) for data in table["picture"]])
    np.save(folder / "vectors.npy", model.encode_image(pictures, normalize=True).numpy())
