"""Fine-tuning of CLIP's image tower: a head on its vectors, and the tower's last block if wanted.

What stays frozen (the trunk: all below the last residual attention block) runs in OpenVINO, once for each
picture; torch trains only what is above it. No gradient reaches the trunk, so that this is the training of
the whole tower, without its costs. Pictures are not augmented: each is seen once below the last block.
"""

import itertools
import math
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from tqdm import tqdm

from aisle.models.fine_tuning.base import Part, Training, Tuned, agree
from aisle.models.heads.relu_head import ReluHead, scaling
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import Section
from aisle.pretrained.exports import registry as exports
from aisle.pretrained.exports.clip import Export, load
from aisle.pretrained.runtime import Runtime, core, save
from aisle.representations.encoders.image.clip import ClipImage

CHECKED = 4
"""Pictures on which the exported tower and head are compared with what was trained."""


class Tuner(Section):
    """What of the image tower is trained.

    Parameters
    ----------
    unfreeze
        `none`: the head alone is trained; `last_block`: then also the last residual attention block, the
        layer normalisation after it and the projection into the space of pictures and texts.
    weight_decay
        Of AdamW, on matrices and not on biases or normalisations, as CLIP was trained.
    """

    encoder_options: ClassVar[dict[str, Any]] = {"precision": "fp32"}
    unfreeze: Literal["none", "last_block"] = "last_block"
    weight_decay: float = Field(0.01, ge=0)

    def tune(
        self,
        options: dict[str, Any],
        files: dict[str, Path],
        seed: int | None,
        train: Part,
        validation: Part,
        training: Training,
        folder: Path,
    ) -> Tuned:
        """Train; write image.xml. See `aisle.models.fine_tuning.Model`."""
        architecture = Export(**options).architecture
        reproducible()
        model = build(architecture, next(iter(files.values()), None), seed)
        import torch

        tower = _Tower(model)
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "trunk.xml"
            tower.write(tower.trunk, path)
            trunk = _Prepared(path, tower.side)
            known, checked = (
                torch.from_numpy(
                    trunk.transform(tqdm(part.pictures, desc=name, unit="picture", disable=None))
                )
                for part, name in ((train, "training part"), (validation, "validation part"))
            )
        classes, y = np.unique(train.y, return_inverse=True)
        right = torch.from_numpy(y), torch.from_numpy(np.searchsorted(classes, validation.y))
        with torch.no_grad():
            vectors = [_in_batches(tower.tail, part, training.batch_size) for part in (known, checked)]
        mean, scale = scaling(vectors[0].numpy())
        torch.manual_seed(training.seed)
        head = _head(mean, scale, len(classes), training)
        fit = _Fit(head, right, training, self.weight_decay)
        fit.phase(torch.nn.Identity(), vectors, [], training.head_epochs, training.head_learning_rate)
        trained = list(head.parameters())
        if self.unfreeze == "last_block" and training.epochs:
            block = tower.unfrozen()
            trained += block
            fit.phase(tower.tail, [known, checked], block, training.epochs, training.learning_rate)
        tower.write(tower.whole, folder / "image.xml")
        dense = [layer for layer in head if isinstance(layer, torch.nn.Linear)]
        made = ReluHead(
            classes,
            mean,
            scale,
            [(layer.weight.detach().numpy().T.copy(), layer.bias.detach().numpy().copy()) for layer in dense],
        )
        with torch.no_grad():
            expected = head(tower.tail(known[:CHECKED])).softmax(1).numpy()
        some = [train.pictures[row] for row in range(min(CHECKED, len(y)))]
        found = _Prepared(folder / "image.xml", tower.side).transform(some)
        agree(expected, made.predict_proba(found), architecture)
        facts = {
            "architecture": architecture,
            "side": tower.side,
            "dimension": len(mean),
            "parameters": sum(each.numel() for each in model.visual.parameters()),
            "trained_parameters": sum(each.numel() for each in trained),
        }
        return Tuned(made, facts, fit.history)


def reproducible() -> None:
    """Make torch give the same bytes each time: how sums are split depends on the number of threads."""
    core()
    import torch

    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    torch.backends.mha.set_fastpath_enabled(False)  # its fused layer cannot be converted


def build(architecture: str, checkpoint: Path | None, seed: int | None) -> Any:
    """Return open_clip's model, as its export (pretrained/exports/clip.py) does: of a file, or at random.

    Raises
    ------
    AisleError
        If there is no such model, or its image tower is not a vision transformer with one pooled vector.
    """
    import open_clip
    import torch
    from open_clip.transformer import VisionTransformer

    if architecture not in open_clip.list_models():
        raise AisleError(f"architecture must be one of open_clip's models, not {architecture!r}")
    torch.manual_seed(seed or 0)
    model = open_clip.create_model(architecture, pretrained=None).eval()
    if checkpoint:
        load(model, checkpoint)
    if not isinstance(model.visual, VisionTransformer) or model.visual.attn_pool is not None:
        raise AisleError(
            "architecture must have an image tower of residual attention blocks to be tuned, such as "
            f"ViT-B-32-quickgelu; {architecture!r} has not"
        )
    return model.requires_grad_(False)


class _Tower:
    """The image tower in two parts, trunk and tail, as modules that can be traced.

    `trunk` takes pictures (n, 3, side, side) 0-255 to (n, places, width); `tail` takes that to vectors
    (n, dimension) of length 1; `whole` is both.
    """

    def __init__(self, model: Any) -> None:
        import torch

        self._model, self._visual = model, model.visual
        self.side = model.visual.image_size[0]
        self._mean, self._sd = (
            torch.tensor(values).view(1, 3, 1, 1) * 255
            for values in (self._visual.image_mean, self._visual.image_std)
        )

        class Traced(torch.nn.Module):
            def __init__(self, function: Callable[[Any], Any]) -> None:
                super().__init__()
                self.model, self.function = model, function

            def forward(self, values: torch.Tensor) -> torch.Tensor:
                return self.function(values)

        self.trunk = Traced(self._below).eval()
        self.tail = Traced(self._above).eval()
        self.whole = Traced(lambda pictures: self._above(self._below(pictures))).eval()

    def unfrozen(self) -> list[Any]:
        """Unfreeze and return the parameters of the tail."""
        visual = self._visual
        parts = visual.transformer.resblocks[-1], visual.ln_post
        result = [parameter for part in parts for parameter in part.parameters()] + [visual.proj]
        for parameter in result:
            parameter.requires_grad_(True)
        return result

    def write(self, module: Any, path: Path) -> None:
        """Write a module that reads pictures, and compare it, and both parts, with open_clip's tower."""
        import openvino
        import torch

        noise = np.random.default_rng(0).uniform(0, 255, (1, 3, self.side, self.side)).astype(np.float32)
        picture = torch.from_numpy(noise)
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # the tracer's
            exported = openvino.convert_model(module, example_input=picture, input=list(noise.shape))
            expected = module(picture).numpy()
            original = self._model.encode_image((picture - self._mean) / self._sd, normalize=True).numpy()
            exports.agree(original, self.whole(picture).numpy(), "the parts of CLIP's image tower")
        exported.set_friendly_name(path.stem)  # else it has a count that depends on the number of cores
        save(exported, path)
        exports.agree(expected, Runtime(path).run([noise]), "CLIP's image tower")

    def _below(self, pictures: Any) -> Any:
        values = self._visual._embeds((pictures - self._mean) / self._sd)
        for block in self._visual.transformer.resblocks[:-1]:
            values = block(values)
        return values

    def _above(self, values: Any) -> Any:
        import torch

        pooled, _ = self._visual._pool(self._visual.transformer.resblocks[-1](values))
        return torch.nn.functional.normalize(pooled @ self._visual.proj, dim=-1)


class _Prepared(ClipImage):
    """A trunk, or a tower, that reads pictures as the encoder prepares them."""

    def __init__(self, path: Path, side: int) -> None:
        self._side = side
        self._runtime = Runtime(path)


def _head(mean: np.ndarray, scale: np.ndarray, k: int, training: Training) -> Any:
    """Return the module from vectors to k scores: standardisation, dense layers with dropout before each."""
    import torch

    class Standardised(torch.nn.Module):
        def forward(self, vectors: torch.Tensor) -> torch.Tensor:
            return (vectors - torch.from_numpy(mean)) / torch.from_numpy(scale)

    layers: list[Any] = [Standardised()]
    widths = [len(mean), *training.units, k]
    for number, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        if number:
            layers.append(torch.nn.ReLU())
        layers += [torch.nn.Dropout(training.dropout), torch.nn.Linear(inputs, outputs)]
        torch.nn.init.xavier_uniform_(layers[-1].weight)  # as Keras's Dense begins
        torch.nn.init.zeros_(layers[-1].bias)
    return torch.nn.Sequential(*layers).eval()


def _in_batches(module: Any, values: Any, size: int) -> Any:
    import torch

    return torch.cat([module(batch) for batch in values.split(size)])


class _Fit:
    """Trains in phases and leaves the weights of the epoch with the lowest validation loss of all."""

    def __init__(self, head: Any, y: tuple[Any, Any], training: Training, weight_decay: float) -> None:
        import torch

        self.history: list[dict[str, float]] = []
        self._head, self._y, self._training, self._decay = head, y, training, weight_decay
        self._order = torch.Generator().manual_seed(training.seed)
        self._best = math.inf

    def phase(self, below: Any, inputs: list[Any], block: list[Any], epochs: int, rate: float) -> None:
        """Train the head and a block's parameters.

        Parameters
        ----------
        below
            Module from the inputs to vectors.
        inputs
            Of the training and of the validation part.
        block
            Parameters of `below` that are trained.
        epochs, rate
            At most; learning rate.
        """
        import torch

        parameters = [*self._head.parameters(), *block]
        groups = [
            {"params": [each for each in parameters if each.ndim > 1], "weight_decay": self._decay},
            {"params": [each for each in parameters if each.ndim <= 1], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=rate)
        network = torch.nn.Sequential(below, self._head)
        kept, lowest, waited = [each.detach().clone() for each in parameters], math.inf, 0
        for _ in tqdm(range(epochs), unit="epoch", disable=None):
            row = self._epoch(network, optimizer, inputs)
            self.history.append({"epoch": len(self.history) + 1, **row})
            waited = 0 if row["val_loss"] < lowest else waited + 1
            lowest = min(lowest, row["val_loss"])
            if row["val_loss"] < self._best:
                self._best, kept = row["val_loss"], [each.detach().clone() for each in parameters]
            if waited >= self._training.patience:
                break
        with torch.no_grad():
            for parameter, value in zip(parameters, kept, strict=True):
                parameter.copy_(value)

    def _epoch(self, network: Any, optimizer: Any, inputs: list[Any]) -> dict[str, float]:
        import torch

        loss_of, size = torch.nn.functional.cross_entropy, self._training.batch_size
        (known, checked), (y, right) = inputs, self._y
        total, hits = 0.0, 0
        self._head.train()  # dropout; the tower has none
        for rows in torch.randperm(len(y), generator=self._order).split(size):
            scores = network(known[rows])
            loss = loss_of(scores, y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
            hits += int((scores.argmax(1) == y[rows]).sum())
        self._head.eval()
        with torch.no_grad():
            scores = _in_batches(network, checked, size)
            return {
                "loss": total / len(y),
                "accuracy": hits / len(y),
                "val_loss": loss_of(scores, right).item(),
                "val_accuracy": (scores.argmax(1) == right).double().mean().item(),
            }
