"""The schedule and how sweeps share a worker's threads."""

from threading import Event, Thread

import pytest

from portal.celery import SWEEPS, SWEEPS_AT_ONCE, Sweep, app


@pytest.fixture
def slow():
    """A task of ours that runs until it is let go, and how often it began."""
    began, let_go = [], Event()

    @app.task(name="tests.slow")
    def task():
        began.append(1)
        let_go.wait(10)

    yield task, began, let_go
    let_go.set()
    app.tasks.pop("tests.slow")


def test_a_hanging_sweep_takes_only_its_own_places(slow):
    task, began, let_go = slow
    threads = [Thread(target=task) for _ in range(SWEEPS_AT_ONCE + 3)]
    for thread in threads:
        thread.start()
    for thread in threads[SWEEPS_AT_ONCE:]:
        thread.join(0.5)

    assert len(began) == SWEEPS_AT_ONCE
    let_go.set()
    for thread in threads:
        thread.join(5)
    task()
    assert len(began) == SWEEPS_AT_ONCE + 1


def test_each_scheduled_task_exists_and_waits_no_longer_than_its_successors_need():
    app.loader.import_default_modules()

    assert [name for name in app.conf.beat_schedule if name not in app.tasks] == []
    assert set(SWEEPS) <= set(app.conf.beat_schedule)
    assert all(isinstance(app.tasks[name], Sweep) for name in app.conf.beat_schedule)
    assert all(entry["options"]["expires"] <= 300 for entry in app.conf.beat_schedule.values())


def test_a_lost_worker_gives_its_tasks_back():
    conf = app.conf

    assert (conf.task_acks_late, conf.task_reject_on_worker_lost, conf.worker_prefetch_multiplier) == (
        True,
        True,
        1,
    )
