"""From raw files to immutable snapshots: read, judge row by row, transform, name by content.

No clock, no network, no boto3: bytes and tables come in as arguments. The modules in the order in which data meet them:
`sources` → `chunks` → `validation` → `transformation` → `parts` → `snapshots`.
"""
