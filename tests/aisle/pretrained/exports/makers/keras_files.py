"""Write random MobileNetV3Small weights in both formats of Keras, and what Keras predicts with them."""

import sys
from pathlib import Path

import h5py
import keras
import numpy as np
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group
from PIL import Image

folder = Path(sys.argv[1])
sys.path.insert(0, str(Path(__file__).parents[1]))
from test_exports import pictures  # noqa: E402

keras.utils.set_random_seed(3)
model = keras.applications.MobileNetV3Small(include_top=False, weights=None, input_shape=(224, 224, 3))
model.save_weights(folder / "backbone.weights.h5")
with h5py.File(folder / "backbone.h5", "w") as file:  # the format of the official files
    save_weights_to_hdf5_group(file, model)
sized = [Image.fromarray(picture).resize((224, 224), Image.Resampling.BILINEAR) for picture in pictures()]
batch = keras.applications.mobilenet_v3.preprocess_input(np.stack(sized).astype("float32"))
np.save(folder / "expected.npy", model.predict(batch, verbose=0))
