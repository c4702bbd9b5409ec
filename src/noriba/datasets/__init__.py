"""From raw files to immutable snapshots: read, validate row by row, transform, name by content.

No clock, no network, no boto3: bytes and tables come in as arguments. The modules in the order in which data meet them:
`raw` → `csv_files`, `parquet_files` → `chunks` → `sources`, `traffic` → `validation` → `transformation` → `parts` →
`snapshots`. Before them, `last_words` → `gathering` make a raw file of what production was asked.
"""
