"""What is going on in the laptop's SageMaker."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from laptop_cloud.sagemaker.endpoints import Endpoint
    from laptop_cloud.sagemaker.fleets import Fleet
    from laptop_cloud.sagemaker.service import Service


def find_work(service: Service) -> list[str]:
    """Jobs that have not ended, endpoints that are being deployed or that answer. What was captured is written first.

    A deployment whose new fleet only bakes is none: it waits for the clock.
    """
    jobs = service.jobs
    found = [
        f"{kind.kind.arn_type} {name}"
        for kind in (jobs.training, jobs.processing, jobs.transform)
        for name in kind.unfinished()
    ]
    for endpoint in service.endpoints.all():
        baking = endpoint.watch is not None and endpoint.watch.baking
        if (not baking and not endpoint.settled.is_set()) or any(map(_answers, _fleets(endpoint))):
            found.append(f"endpoint {endpoint.name}")
        for fleet in _fleets(endpoint):
            if fleet.capture is not None:
                fleet.capture.flush()
    return found


def _fleets(endpoint: Endpoint) -> Iterator[Fleet]:
    shift, fleet = endpoint.shift, endpoint.fleet
    if shift is not None:
        yield from (shift.old, shift.new)
    elif fleet is not None:
        yield fleet


def _answers(fleet: Fleet) -> bool:
    return any(server.in_flight for variant in fleet.everyone for server in variant.servers)
