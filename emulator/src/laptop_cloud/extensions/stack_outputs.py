"""Stack outputs hold addresses that can be called.

A template writes an API's address as `https://<api>.execute-api.<region>.amazonaws.com/<stage>/`, because that is
where AWS serves it. Here the same API is served by this process, so whoever reads the output is given that address:
https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-call-api.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from laptop_cloud.ministack_seams import Seam, wrap

if TYPE_CHECKING:
    from laptop_cloud.ministack_seams import Function

_AWS_API = re.compile(r"https://(?P<api>[a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com(?P<path>[^\s]*)")


def install(endpoint_url: str) -> None:
    """Close the gap.

    Args:
        endpoint_url: where this process serves, such as `http://127.0.0.1:4566`.
    """

    def around(resolve: Function) -> Function:
        def resolve_outputs(*args: Any) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
            outputs, exports = resolve(*args)
            for output in outputs:
                output["OutputValue"] = local_address(output["OutputValue"], endpoint_url)
            for export in exports.values():
                export["Value"] = local_address(export["Value"], endpoint_url)
            return outputs, exports

        return resolve_outputs

    wrap(Seam.STACK_OUTPUTS, around)


def local_address(value: str, endpoint_url: str) -> str:
    """The value with every API Gateway address of AWS replaced by the one served here."""
    return _AWS_API.sub(lambda found: f"{endpoint_url}/_aws/execute-api/{found['api']}{found['path']}", value)
