"""SageMaker for the laptop cloud: moto's records, jobs and servers as processes, the events that AWS sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laptop_cloud import ministack_seams
from laptop_cloud.fault_injection import InjectedFaults
from laptop_cloud.sagemaker.cards import Cards
from laptop_cloud.sagemaker.endpoints import Endpoints
from laptop_cloud.sagemaker.guardian import Guardian
from laptop_cloud.sagemaker.host import Host
from laptop_cloud.sagemaker.images import Images
from laptop_cloud.sagemaker.models import Models
from laptop_cloud.sagemaker.platform import Platform
from laptop_cloud.sagemaker.processing import ProcessingJobs
from laptop_cloud.sagemaker.registry import Registry
from laptop_cloud.sagemaker.resources import install_resources
from laptop_cloud.sagemaker.service import AllJobs, Service
from laptop_cloud.sagemaker.storage import Storage
from laptop_cloud.sagemaker.tasks import install_tasks
from laptop_cloud.sagemaker.training import TrainingJobs
from laptop_cloud.sagemaker.transform import TransformJobs
from laptop_cloud.sagemaker.work import find_work

if TYPE_CHECKING:
    from pathlib import Path

    from laptop_cloud.own_time.timers import Timers

__all__ = ["Runtime", "install"]


class Runtime:
    """What runs on behalf of the laptop's SageMaker."""

    def __init__(self, service: Service, host: Host, guardian: Guardian) -> None:
        self._service = service
        self._host = host
        self._guardian = guardian

    def find_work(self) -> list[str]:
        """What is going on: jobs, deployments, answers; captures are written first."""
        return find_work(self._service)

    def shutdown(self) -> None:
        """End every job and every server, their children included."""
        self._service.close()
        self._host.close()
        self._guardian.close()


def install(
    *,
    state_dir: Path,
    assemblies: tuple[Path, ...],
    endpoint_url: str,
    clock: Path | None = None,
    timers: Timers | None = None,
) -> Runtime:
    """Give the laptop cloud in this process its SageMaker.

    Args:
        state_dir: where jobs and servers have their files.
        assemblies: CDK assemblies whose asset manifests name the containers' source folders.
        endpoint_url: of the cloud, which need not answer yet.
        clock: whose time programs tell, where it is not the real one.
        timers: of that clock.
    """
    guardian = Guardian()
    host = Host(state_dir, endpoint_url, guardian, clock=clock)
    platform = Platform(host, Images(assemblies), Storage(endpoint_url))
    registry = Registry(platform)
    models = Models(platform, registry)
    service = Service(
        platform,
        InjectedFaults(state_dir),
        AllJobs(TrainingJobs(platform), ProcessingJobs(platform), TransformJobs(platform, models)),
        registry,
        Cards(platform),
        models,
        Endpoints(platform, models, timers),
    )
    ministack_seams.register_service(
        "sagemaker", service.handle, target_prefixes=("SageMaker.",), host_patterns=(r"sagemaker\.",)
    )
    install_tasks(service)
    install_resources(service)
    return Runtime(service, host, guardian)
