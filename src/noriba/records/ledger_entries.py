"""The entries of the ledger: sort keys of one DynamoDB table, whose partition key is the use case.

Functions reach them through `noriba.aws.ledger`, state machines by these names. One that ends in `#` goes on with the
name of what it is about.
"""

OBJECT = "object#"
"""`<key>#<version>`: a landed object version, received, kept or refused; of a long key, beginning and hash."""
ERASURE = "erasure#"
"""Hash of a key: what was erased, by whom and why."""
SNAPSHOT = "snapshot#"
"""Who committed a snapshot."""
LATEST_SNAPSHOT = "latest-snapshot"
"""The snapshot of what there is now."""
TRAINING = "training"
"""The latest training run, which is also the lock."""
DECISION = "decision#"
"""A retraining decision, what it rests upon, and the execution that trains by it."""
ALARM = "alarm#"
"""Name of an alarm that asks for training: its latest state."""
REGISTERED = "registered#"
"""ARN of a model package: what it held when it was registered."""
APPROVAL = "approval#"
"""ARN of a model package: the approval that was rolled out last, by the time of the package's change."""
CHAMPION = "champion"
"""The model in production."""
ROLLOUT = "rollout"
"""The rollout under way, which is also the lock; while it waits for a verdict, who is to be told and by which rules."""
SPLIT_ATTRIBUTES = ("execution", "stage", "champion", "challenger", "percent")
"""Of that entry: how requests are split between two models. All that those may see who need no more."""
CHALLENGER_FEATURES = "feature_fingerprint"
"""Of that entry: the fingerprint of the features that the challenger learned, from its golden requests on."""
KEY_ATTRIBUTES = ("use_case", "entry")
STRETCH = "stretch"
"""How far the intervals of the model in production are stretched, and through which hour outcomes are in that."""
STRETCH_ATTRIBUTES = ("factor", "bundle_digest")
"""Of that entry: all that those may see who ask the model."""
ROLLOUT_STEP = "rollout-step#"
"""`<execution>#<stage>`: when a stage of a rollout began, and the verdict on it."""
COMPARISON = "comparison"
"""Who is comparing champion and challenger right now, and until when that is believed."""
LIVE = "live"
"""What is known of the last hours, for whoever answers requests, and until when outcomes are in that."""
LIVE_ATTRIBUTES = ("live_means",)
"""Of that entry: all that those may see who ask the model."""
