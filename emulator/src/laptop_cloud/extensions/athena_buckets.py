"""A query reads a table in a bucket of another account as whoever asks it, where both sides let them.

https://docs.aws.amazon.com/athena/latest/ug/s3-permissions.html
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import Seam, current_account, current_region, in_scope, reach
from laptop_cloud.policies import find_guest_refusal

if TYPE_CHECKING:
    from collections.abc import Iterable


class Bucket:
    """A bucket as the query that runs finds it.

    Args:
        name: of the bucket.
    """

    def __init__(self, name: str) -> None:
        self._arn = f"arn:aws:s3:::{name}"
        owner: str | None = reach(Seam.BUCKET_OWNER)(name)
        self._owner = None if owner == current_account() else owner
        """Another account; None at home, and of a bucket that is not there."""

    def where_it_is(self) -> AbstractContextManager[None]:
        """Act for its account in a `with` block."""
        return nullcontext() if self._owner is None else in_scope(self._owner, current_region())

    def check_listing(self, prefix: str) -> None:
        """Refuse who may not list what is below a prefix.

        Raises:
            PermissionError: by their own policies, or by the bucket's.
        """
        self._check("s3:ListBucket", self._arn, {"s3:prefix": prefix})

    def check_reading(self, keys: Iterable[str]) -> None:
        """Refuse who may not read all of these objects.

        Raises:
            PermissionError: by their own policies, or by the bucket's.
        """
        if self._owner is not None:
            for key in keys:
                self._check("s3:GetObject", f"{self._arn}/{key}", {})

    def _check(self, action: str, resource: str, keys: dict[str, Any]) -> None:
        if self._owner is None:
            return
        if (why := find_guest_refusal(reach(Seam.CALLER)(), action, resource, keys, owner=self._owner)) is not None:
            raise PermissionError(f"Access denied when reading {resource}: {why}")
