"""Fitted estimators as plain arrays and JSON in one file, estimator.npz: reading one runs no code of it.

A pickle is a program. Here an object is the name of its class and its attributes, and a class or function
that is not named in `TRUSTED` is refused, when it is written and when it is read. The arrays are NumPy's,
without pickles; same estimator, same bytes. Why not skops: docs/decisions/0023-nothing-lost-nothing-run.md.
"""

import json
import math
import zipfile
from collections.abc import Callable
from io import BytesIO
from pkgutil import resolve_name
from tokenize import TokenError
from typing import Any

import numpy as np
from scipy import sparse

from aisle.pipeline.errors import AisleError, some

TRUSTED: dict[str, tuple[str, ...]] = {
    "aisle.catalogue.taxonomy": ("Tree",),
    "aisle.models.classifiers.feature_linear": ("Components",),
    "aisle.models.classifiers.feature_svm": ("signed_root",),
    "aisle.models.decision_fusion": ("LogMean", "Stack", "Vote"),
    "aisle.models.field_dropout": ("FieldDropout",),
    "aisle.models.fusion_networks.networks": ("AttentionFusion", "DenseFusion", "Parts"),
    "aisle.models.heads.keras_trainer": ("Training",),
    "aisle.models.heads.mlp": ("DenseHead",),
    "aisle.models.heads.relu_head": ("ReluHead",),
    "aisle.models.local_classifiers": ("Local", "LocalPerParent"),
    "aisle.models.one_vs_rest": ("OneVsRestLogistic",),
    "aisle.models.platt": ("Platt",),
    "aisle.models.scaling": ("signed_root",),
    "aisle.representations.encoders.text.tfidf": ("Tfidf",),
    "sklearn.calibration": ("CalibratedClassifierCV", "_CalibratedClassifier", "_SigmoidCalibration"),
    "sklearn.decomposition._pca": ("PCA",),
    "sklearn.decomposition._truncated_svd": ("TruncatedSVD",),
    "sklearn.discriminant_analysis": ("LinearDiscriminantAnalysis", "QuadraticDiscriminantAnalysis"),
    "sklearn.dummy": ("DummyClassifier",),
    "sklearn.feature_extraction.text": ("CountVectorizer", "TfidfTransformer", "TfidfVectorizer"),
    "sklearn.frozen._frozen": ("FrozenEstimator",),
    "sklearn.linear_model._logistic": ("LogisticRegression",),
    "sklearn.linear_model._ridge": ("RidgeClassifier",),
    "sklearn.multiclass": ("OneVsRestClassifier", "_ConstantPredictor"),
    "sklearn.naive_bayes": ("BernoulliNB", "ComplementNB", "GaussianNB", "MultinomialNB"),
    "sklearn.neighbors._classification": ("KNeighborsClassifier",),
    "sklearn.neighbors._nearest_centroid": ("NearestCentroid",),
    "sklearn.neural_network._multilayer_perceptron": ("MLPClassifier",),
    "sklearn.pipeline": ("FeatureUnion", "Pipeline"),
    "sklearn.preprocessing._data": ("MinMaxScaler", "Normalizer", "RobustScaler", "StandardScaler"),
    "sklearn.preprocessing._function_transformer": ("FunctionTransformer",),
    "sklearn.preprocessing._label": ("LabelBinarizer", "LabelEncoder"),
    "sklearn.svm._classes": ("LinearSVC", "SVC"),
}  # fmt: skip
"""Module to the classes and functions of it that an estimator may be made of. Each was looked at: it is made
of plain values and arrays, and neither it nor a method that predicts runs what a text attribute says."""
TREE, FORM = "tree", 1
_SKIPPED = "_sklearn_version"  # a package compares versions as a whole
_NUMBERS = "biufcSU"
"""Kinds of arrays that are kept as they are: numbers, truth values, texts."""


def dumps(estimator: Any) -> bytes:
    """Return an estimator as the bytes of a file.

    Raises
    ------
    AisleError
        If it is made of something that is not trusted, or cannot be kept as plain values.
    """
    writer = _Writer()
    tree = {"form": FORM, "estimator": writer.plain(estimator)}
    text = json.dumps(tree, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    file = BytesIO()
    arrays = {TREE: np.frombuffer(text.encode("utf-8"), np.uint8)} | writer.arrays
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def loads(data: bytes, name: str) -> Any:
    """Return the estimator of a file's bytes.

    Parameters
    ----------
    data
        As of `dumps`.
    name
        What the file is called in an error.

    Raises
    ------
    AisleError
        If it is no such file, or names a class that is not trusted; nothing of it has run then.
    """
    try:
        arrays = _arrays(data)
        tree = json.loads(arrays.pop(TREE).tobytes())
        if tree["form"] != FORM:
            raise ValueError(f"its form is {tree['form']!r}, not {FORM}")
        return _Reader(arrays).made(tree["estimator"])
    except (
        zipfile.BadZipFile,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        RecursionError,
        OverflowError,
        SyntaxError,
        TokenError,  # these three of NumPy, of a header that is damaged
    ) as error:
        raise AisleError(
            f"{name} must be an estimator as this version of aisle writes it; it is not "
            f"({type(error).__name__}: {error}). `dvc repro` makes it anew."
        ) from None  # fmt: skip


def _arrays(data: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of a file; no more memory is taken than the file has bytes."""
    found = {}
    with zipfile.ZipFile(BytesIO(data)) as archive:
        for entry in archive.infolist():
            if entry.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{entry.filename} is compressed")
            found[entry.filename.removesuffix(".npy")] = _array(archive.read(entry))
    return found


def _array(data: bytes) -> np.ndarray:
    file = BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("an array must be of NumPy's format 1.0")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
    content = data[file.tell() :]
    if dtype.kind not in _NUMBERS or math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"an array of {dtype} {shape} has {len(content)} bytes")
    return np.ndarray(shape, dtype, bytearray(content), order="F" if by_columns else "C")


def _place(value: Any) -> str:
    """Return `module:name` of a trusted class or function."""
    module, name = str(value.__module__), str(value.__qualname__)
    if name not in TRUSTED.get(module, ()):
        raise AisleError(
            f"a model must be made of what TRUSTED in aisle/models/estimator_file.py names; {module}.{name} "
            "is not there. Add it if it holds plain values and arrays, and predicts from these alone."
        )
    return f"{module}:{name}"


class _Writer:
    """Turns objects to plain values; arrays are kept once for each content."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._known: dict[tuple[str, tuple[int, ...], bytes, bool], str] = {}

    def plain(self, value: Any) -> Any:
        """Return what JSON can hold; an object of one key with a $ is anything that it has not."""
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"$float": repr(value)}
        if type(value) is list:
            return [self.plain(each) for each in value]
        if type(value) is tuple:
            return {"$tuple": [self.plain(each) for each in value]}
        if type(value) is dict:
            return self._mapping(value)
        if isinstance(value, np.ndarray | np.generic):
            return self._array(value)
        if sparse.issparse(value):
            return self._matrix(value)
        if isinstance(value, type) and issubclass(value, np.generic):
            return {"$dtype": np.dtype(value).str}
        if callable(value) and hasattr(value, "__qualname__"):
            return {"$function": _place(value)}
        return {"$object": [_place(type(value)), self._mapping(_attributes(value))]}

    def _mapping(self, value: dict[Any, Any]) -> Any:
        if all(type(key) is str for key in value):
            return {"$dict": {key: self.plain(each) for key, each in value.items()}}
        return {"$items": [[self.plain(key), self.plain(each)] for key, each in value.items()]}

    def _array(self, value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.dtype == object:
            return {"$objects": [self.plain(value.tolist()), list(value.shape)]}
        array = np.asarray(value)
        if array.dtype.kind not in _NUMBERS:
            raise AisleError(f"a model's arrays must be of numbers or texts, not of {array.dtype}")
        if not (array.flags.c_contiguous or array.flags.f_contiguous):
            array = np.ascontiguousarray(array)
        columns = bool(array.flags.f_contiguous and not array.flags.c_contiguous)
        key = (array.dtype.str, array.shape, array.tobytes("A"), columns)
        name = self._known.setdefault(key, str(len(self._known)))
        self.arrays[name] = array
        return {"$scalar" if isinstance(value, np.generic) else "$array": name}

    def _matrix(self, value: Any) -> Any:
        if value.format != "csr":
            raise AisleError(f"a model's sparse matrices must be csr, not {value.format}")
        parts = [self._array(each) for each in (value.data, value.indices, value.indptr)]
        return {"$csr": [*parts, list(value.shape), isinstance(value, sparse.sparray)]}


def _attributes(value: Any) -> dict[str, Any]:
    state = value.__getstate__() or {}  # what a class leaves out, such as an address in memory, stays out
    if not isinstance(state, dict):
        raise AisleError(
            f"a model must be made of objects with plain attributes; {type(value)} has {state!r}"
        )
    return {name: each for name, each in state.items() if name != _SKIPPED}


class _Reader:
    """Makes objects of plain values."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self._arrays = arrays

    def made(self, value: Any) -> Any:
        """Return what `_Writer.plain` was given."""
        if isinstance(value, list):
            return [self.made(each) for each in value]
        if not isinstance(value, dict):
            return value
        ((kind, content),) = value.items()
        return _KINDS[kind](self, content)

    def _float(self, text: str) -> float:
        return float(text)

    def _tuple(self, content: list[Any]) -> tuple[Any, ...]:
        return tuple(map(self.made, content))

    def _dict(self, content: dict[str, Any]) -> dict[str, Any]:
        return {key: self.made(each) for key, each in content.items()}

    def _items(self, content: list[Any]) -> dict[Any, Any]:
        return {self.made(key): self.made(each) for key, each in content}

    def _array(self, name: str) -> np.ndarray:
        return self._arrays[name].copy(order="K")  # two objects never share one

    def _scalar(self, name: str) -> Any:
        return self._arrays[name][()]

    def _objects(self, content: list[Any]) -> np.ndarray:
        values, shape = content
        result = np.empty(shape, object)
        result[...] = np.array(self.made(values), object).reshape(shape) if values else result
        return result

    def _csr(self, content: list[Any]) -> Any:
        data, indices, indptr, shape, is_array = content
        kind = sparse.csr_array if is_array else sparse.csr_matrix
        return kind((self.made(data), self.made(indices), self.made(indptr)), shape=tuple(shape))

    def _dtype(self, text: str) -> Any:
        return np.dtype(text).type

    def _function(self, place: str) -> Any:
        return _trusted(place)

    def _object(self, content: list[Any]) -> Any:
        place, state = content
        kind = _trusted(place)
        result = object.__new__(kind)
        vars(result).update(self.made(state))
        return result


_KINDS: dict[str, Callable[[_Reader, Any], Any]] = {
    "$array": _Reader._array,
    "$csr": _Reader._csr,
    "$dict": _Reader._dict,
    "$dtype": _Reader._dtype,
    "$float": _Reader._float,
    "$function": _Reader._function,
    "$items": _Reader._items,
    "$object": _Reader._object,
    "$objects": _Reader._objects,
    "$scalar": _Reader._scalar,
    "$tuple": _Reader._tuple,
}


def _trusted(place: str) -> Any:
    """Return a trusted class or function; the module of another one is not even imported."""
    module, _, name = place.partition(":")
    if name not in TRUSTED.get(module, ()):
        known = some(sorted(f"{each}.{one}" for each, names in TRUSTED.items() for one in names), 3)
        raise ValueError(f"it wants {module}.{name}, which is none of {known}")
    return resolve_name(place)
