"""Terms that rise and fall: log-odds with an informative Dirichlet prior.

Monroe, Colaresi and Quinn 2008, Fightin' Words, section 3.3.1 and equation 22: the prior is what the whole
catalogue says, so that rare terms are drawn to it and frequent ones need a large change.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

COLUMNS = ["term", "products", "log_odds", "z"]


def compare(
    texts: Sequence[str], last: np.ndarray, min_products: int = 3, strength: float = 100.0
) -> pd.DataFrame:
    """Return the terms by how much more often the last texts have them.

    Parameters
    ----------
    texts
        n texts, one of each near-duplicate group.
    last
        Boolean (n,): those that are compared with the others.
    min_products
        Texts that must have a term.
    strength
        Words that the prior counts as.

    Returns
    -------
    pandas.DataFrame
        term, products (of the last that have it), log_odds and z (its standard score; beyond 1.96 either way
        a term that is looked at alone has changed), the most risen first. Empty where no term is frequent
        enough.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(
        min_df=min_products, stop_words="english", token_pattern=r"(?u)\b[^\W\d]{3,}\b"
    )
    try:
        counts = vectorizer.fit_transform(texts)
    except ValueError:  # scikit-learn's word for an empty vocabulary
        return pd.DataFrame(columns=COLUMNS)
    new, old = (np.asarray(counts[rows].sum(axis=0)).ravel() for rows in (last, ~last))
    prior = strength * (new + old) / (new + old).sum()
    odds = [np.log((side + prior) / (side.sum() + strength - side - prior)) for side in (new, old)]
    log_odds = odds[0] - odds[1]
    z = log_odds / np.sqrt(1 / (new + prior) + 1 / (old + prior))
    having = np.asarray((counts[last] > 0).sum(axis=0)).ravel()
    table = pd.DataFrame(
        {"term": vectorizer.get_feature_names_out(), "products": having, "log_odds": log_odds, "z": z}
    )
    return table.sort_values(["z", "term"], ascending=[False, True], ignore_index=True)
