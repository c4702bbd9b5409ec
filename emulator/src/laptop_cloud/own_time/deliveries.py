"""Messages on their way from a queue to a function."""

from __future__ import annotations

from laptop_cloud.ministack_seams import Seam, all_records, in_scope, reach


def find_deliveries() -> list[str]:
    """The queues in which a message could be taken now for a function that is to have it."""
    found = []
    for account, region, _uuid, mapping in all_records(Seam.EVENT_SOURCE_MAPPINGS):
        if mapping.get("State") != "Enabled" or ":sqs:" not in mapping["EventSourceArn"]:
            continue
        with in_scope(account, region):
            queue = reach(Seam.FIND_QUEUE)(mapping["EventSourceArn"])
            if queue is not None:
                reach(Seam.COUNT_MESSAGES)(queue)
                if int(queue["attributes"]["ApproximateNumberOfMessages"]):
                    found.append(f"queue {mapping['EventSourceArn'].rpartition(':')[2]}")
    return found
