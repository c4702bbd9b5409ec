"""From a snapshot to a sealed model: fit, calibrate, evaluate, bundle.

In the order of use: `tables` → `splits` → `encoders`, `baselines`, `quantiles`, `calibration` → `models` →
`evaluation` → `bundles`. Rows are always ordered by time. LightGBM is imported in `quantiles` alone.
"""
