"""A range of a version of an object.

MiniStack answers `GetObject` with a `versionId` by the whole version, whatever `Range` asks for; a reader of Parquet
that fetches only a footer would take the file's beginning for it.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import Seam, reach, wrap

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function


def install() -> None:
    """Close the gap."""
    wrap(Seam.GET_OBJECT, _with_ranges_of_versions)


def _with_ranges_of_versions(get_object: Function) -> Function:
    def get(bucket: str, key: str, headers: dict[str, str], query: dict[str, Any] | None = None) -> Any:
        status, answered, body = get_object(bucket, key, headers, query)
        wanted = headers.get("range")
        if wanted is None or status != 200 or not isinstance(body, bytes):  # noqa: PLR2004 -- 206 is a range already
            return status, answered, body
        span = reach(Seam.PARSE_RANGE)(wanted, len(body))
        if span is None:
            # Not a range of this object; without a version, MiniStack says so as S3 does.
            return get_object(bucket, key, headers, {})
        first, last = span
        part = body[first : last + 1]
        ranged = {"Content-Length": str(len(part)), "Content-Range": f"bytes {first}-{last}/{len(body)}"}
        # A checksum of the whole does not fit a part, and SDKs would compare them.
        kept = {name: value for name, value in answered.items() if not name.lower().startswith("x-amz-checksum-")}
        return 206, {**kept, **ranged}, part

    return get
