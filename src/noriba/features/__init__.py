"""One feature definition for batch, training and real time.

A feature is a plain function: its name is the column it makes, its arguments are the columns it reads. Columns are
one-dimensional float64 NumPy arrays of the same length n ≥ 1; a request is a table like any other, only shorter.

    >>> import numpy as np
    >>> from noriba.features import FeatureSet
    >>> def speed_mps(length_m, duration_s):
    ...     return length_m / duration_s
    >>> trips = FeatureSet([speed_mps], inputs=["length_m", "duration_s"])
    >>> trips.compute({"length_m": np.array([100.0]), "duration_s": np.array([20.0])})["speed_mps"]
    array([5.])
"""

from noriba.features.columns import Column, Columns, as_column
from noriba.features.feature_set import Feature, FeatureSet

__all__ = ["Column", "Columns", "Feature", "FeatureSet", "as_column"]
