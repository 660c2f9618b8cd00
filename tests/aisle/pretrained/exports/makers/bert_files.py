"""Write a small random BERT in today's and in the first BERT's names, and the vectors that torch computes."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers.implementations import BertWordPieceTokenizer
from transformers import BertConfig, BertModel

folder = Path(sys.argv[1])
pieces = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"abcdefghijklmnopqrstuvwxyz",
    "red",
    "mug",
    "##s",
    "##e",
]
(folder / "vocab.txt").write_text("\n".join([*pieces, *(f"##{letter}" for letter in "abcdfghi")]) + "\n")
texts = ["Red mugs", "a b", "red " * 30]
(folder / "texts.json").write_text(json.dumps(texts))
torch.manual_seed(5)
shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
words = BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=True)
model = BertModel(BertConfig(vocab_size=words.get_vocab_size(), **shape)).eval()
state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
save_file(state, folder / "model.safetensors")
(folder / "old").mkdir()
old = {}
for name, tensor in state.items():
    head, _, last = name.rpartition(".")
    if head.endswith("LayerNorm"):
        last = {"weight": "gamma", "bias": "beta"}[last]
    old[f"bert.{head}.{last}"] = tensor.clone()
save_file(old | {"cls.predictions.bias": torch.zeros(3)}, folder / "old" / "model.safetensors")
shutil.copyfile(folder / "vocab.txt", folder / "old" / "vocab.txt")
words.enable_truncation(12)
with torch.inference_mode():
    rows = [
        model(torch.tensor([words.encode(text).ids])).last_hidden_state.mean(1)[0].numpy() for text in texts
    ]
np.save(folder / "expected.npy", np.stack(rows))
