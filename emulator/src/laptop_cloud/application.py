"""The laptop cloud as one ASGI application: MiniStack, what it lacks, and the SageMaker beside it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from laptop_cloud import sagemaker
from laptop_cloud.extensions import (
    alarms,
    api_gateway,
    athena_files,
    athena_queries,
    athena_tasks,
    authorization,
    call_log,
    callbacks,
    cloudformation_types,
    dynamodb_queries,
    ecr_images,
    embedded_metrics,
    eventbridge_delivery,
    execution_lists,
    execution_logs,
    execution_timeouts,
    firehose_buffering,
    lambda_runtime,
    limits,
    log_pages,
    metric_reads,
    metrics,
    organization_members,
    resource_policies,
    retention,
    s3_events,
    s3_history,
    s3_listings,
    s3_ranges,
    service_control_policies,
    shared_buckets,
    shared_buses,
    shared_keys,
    shared_tables,
    stack_outputs,
    task_permissions,
)
from laptop_cloud.ministack_seams import Seam, check_seams, reach
from laptop_cloud.own_time import OwnTime
from laptop_cloud.own_time.date_header import tell_real_date
from laptop_cloud.own_time.routes import serve_clock
from laptop_cloud.shared_clock import SharedClock

if TYPE_CHECKING:
    from pathlib import Path


class Application:
    """Everything installed, ready to be served; `stop` ends every process and thread that it started."""

    def __init__(
        self,
        *,
        state_dir: Path,
        wheels_dir: Path,
        assemblies: tuple[Path, ...],
        endpoint_url: str,
        clock: Path | None = None,
    ) -> None:
        """Install the extensions.

        Args:
            state_dir: for everything that is kept.
            wheels_dir: for what outlives one laptop cloud: wheels that functions need on this computer.
            assemblies: the synthesized CDK applications whose containers may be asked for.
            endpoint_url: where the application will answer.
            clock: that this process has entered, if it has one of its own.

        Raises:
            SeamMovedError: MiniStack is not the version that the extensions are made for.
        """
        check_seams()
        authorization.install()
        resource_policies.install()
        organization_members.install()
        service_control_policies.install()
        shared_buses.install()
        dynamodb_queries.install()
        shared_tables.install()
        shared_buckets.install()
        shared_keys.install()
        calls = call_log.install()
        s3_events.install()
        s3_history.install()
        s3_listings.install()
        s3_ranges.install()
        eventbridge_delivery.install()
        embedded_metrics.install()
        cloudformation_types.install()
        stack_outputs.install(endpoint_url)
        api_gateway.install()
        athena_queries.install()
        athena_files.install()
        athena_tasks.install()
        log_pages.install()
        metric_reads.install()
        ecr_images.install(assemblies)
        limits.install()
        execution_lists.install()
        execution_logs.install()
        callbacks.install()
        task_permissions.install()
        self._started = ExitStack()
        buffer, gauge, alarm_ticker = firehose_buffering.install(), metrics.install(), alarms.install()
        for started in (buffer, gauge, alarm_ticker, execution_timeouts.install(), retention.install()):
            self._started.callback(started.stop)
        self._started.callback(lambda_runtime.install(state_dir / "functions", wheels_dir, endpoint_url, clock=clock))
        own_time = None if clock is None else _install_own_time(clock)
        runtime = sagemaker.install(
            state_dir=state_dir / "sagemaker",
            assemblies=assemblies,
            endpoint_url=endpoint_url,
            clock=clock,
            timers=None if own_time is None else own_time.timers,
        )
        self._started.callback(runtime.shutdown)
        self.asgi: Any = call_log.serve_calls(api_gateway.keep_encoded_slashes(reach(Seam.APPLICATION)), calls)
        if own_time is not None:
            self._started.callback(own_time.stop)
            for do_now in (buffer.flush_now, alarm_ticker.work_if_woken):
                own_time.prompt(do_now)
            own_time.repeat(gauge.work_now)
            own_time.ask(runtime.find_work)
            self.asgi = tell_real_date(serve_clock(self.asgi, own_time))

    def stop(self) -> None:
        """End what was started, the last first; everything is tried before a failure is raised."""
        self._started.close()


def _install_own_time(clock: Path) -> OwnTime:
    own_time = OwnTime(SharedClock(clock, movable=True))
    own_time.install()
    return own_time
