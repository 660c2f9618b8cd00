"""Export every architecture with random weights; each export compares itself with Keras."""

import json
import sys
from pathlib import Path
from typing import get_args

from aisle.pretrained.exports.keras_backbone import Architecture, Export

folder, maps = Path(sys.argv[1]), {}
for name in get_args(Architecture):
    side = 299 if name == "InceptionV3" else 224
    maps[name] = Export(architecture=name, side=side).export({}, 0, folder)["map"]
(folder / "maps.json").write_text(json.dumps(maps))
