"""What counts as going on: work from its order to its end; an execution that only waits does not."""

from __future__ import annotations

import contextvars
import threading

import pytest

from laptop_cloud.own_time.activity import Activity, WorkThreads

EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:m:e"


@pytest.fixture
def activity() -> Activity:
    return Activity()


def run_in(activity: Activity, steps: list[str]) -> list[bool]:
    """An execution that takes steps; after each, whether it only waited."""
    seen: list[bool] = []
    over = threading.Event()

    def task() -> None:
        seen.append(activity.only_waits(EXECUTION))
        if "wait in task" in steps:
            with activity.waiting(over.is_set):
                seen.append(activity.only_waits(EXECUTION))

    def run(_arn: str) -> None:
        if "task" in steps or "wait in task" in steps:
            activity.around_task(task)()
        if "wait" in steps:
            with activity.waiting(over.is_set):
                seen.append(activity.only_waits(EXECUTION))
                over.set()
                seen.append(activity.only_waits(EXECUTION))
        seen.append(activity.only_waits(EXECUTION))

    # In a thread: whose execution it is stays with the context.
    thread = threading.Thread(target=activity.around_execution(run), args=(EXECUTION,))
    thread.start()
    thread.join()
    return seen


def test_an_execution_that_waits_is_quiet_until_its_wait_is_over(activity: Activity) -> None:
    assert run_in(activity, ["wait"]) == [True, False, False]


def test_a_task_is_work_unless_it_waits_for_an_answer(activity: Activity) -> None:
    assert run_in(activity, ["task"]) == [False, False]
    assert run_in(activity, ["wait in task"]) == [False, True, False]


def test_a_branch_that_works_makes_the_execution_busy_while_another_waits(activity: Activity) -> None:
    over, working, seen = threading.Event(), threading.Event(), []

    def work() -> None:
        working.set()
        over.wait(10)

    def branch() -> None:
        activity.around_task(work)()

    def run(_arn: str) -> None:
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(branch,))
        thread.start()
        assert working.wait(10)
        with activity.waiting(lambda: False):
            seen.append(activity.only_waits(EXECUTION))
            over.set()
            thread.join()
            seen.append(activity.only_waits(EXECUTION))

    thread = threading.Thread(target=activity.around_execution(run), args=(EXECUTION,))
    thread.start()
    thread.join()
    assert seen == [False, True]


def test_threads_in_somebody_s_name_are_work_and_pollers_are_not(activity: Activity) -> None:
    threads, over = WorkThreads(activity, "delivery"), threading.Event()
    poller = threads.Thread(target=over.wait)
    work = threads.Thread(target=contextvars.copy_context().run, args=(over.wait,))
    poller.start()
    assert activity.work() == []
    work.start()
    before = activity.changes

    assert activity.work() == ["delivery"]
    over.set()
    work.join()
    poller.join()
    assert activity.work() == []
    assert activity.changes > before
    assert threads.Event is threading.Event
