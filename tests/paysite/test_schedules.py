"""The table of periodic jobs and django-q2's rows."""

import pytest
from django.utils.module_loading import import_string
from django_q.models import Schedule

from paysite import schedules

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("job", schedules.JOBS, ids=lambda job: job.name)
def test_every_job_names_a_function_that_is_there(job: schedules.Job) -> None:
    assert callable(import_string(job.function))


def test_installing_twice_leaves_one_row_per_job() -> None:
    schedules.install()
    first = list(Schedule.objects.order_by("name").values_list("id", "name"))
    schedules.install()
    assert list(Schedule.objects.order_by("name").values_list("id", "name")) == first
    assert [name for _, name in first] == sorted(job.name for job in schedules.JOBS)


def test_jobs_that_are_no_longer_in_the_table_and_doubles_are_dropped() -> None:
    schedules.install()
    Schedule.objects.create(name="an old job", func="payments.tasks.wake_loops")
    Schedule.objects.create(name=schedules.JOBS[0].name, func="payments.tasks.wake_loops")
    schedules.install()
    assert Schedule.objects.count() == len(schedules.JOBS)
