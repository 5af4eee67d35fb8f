"""The engine of Ray: each job is a task of a cluster, or of this machine if no address is given."""

from __future__ import annotations

import os
import pickle
import secrets
import socket
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from builders.build.engines import Advance, Job, Result
from builders.core.errors import SARChatError, install_extra
from builders.core.schema import PACKAGE
from builders.core.signals import starting_processes, uninterrupted

# How often Ray repeats a job whose worker or node was lost, or whose work failed for a reason that may pass.
_RETRIES = 3
_PASSING = (ConnectionError, TimeoutError)
# Ray reads these when it is imported; what the user has set stays.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # By default, Ray repeats forever a job that runs out of memory.
    "RAY_task_oom_retries": str(_RETRIES),
    # A lost worker need not be reported while its job is repeated.
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
}
# What Ray reports for a function whose module a worker lacks.
_NOT_IMPORTED = "function failed to import on the worker"
# Ray itself would try for minutes to reach a machine that does not exist.
_SECONDS_TO_ANSWER = 10
# For results, which are small: Ray would reserve 30 % of the memory.
_OBJECT_STORE_BYTES = 100 << 20


def check(address: str | None) -> None:
    """Check that Ray is installed and something answers at the address, see `Engine.check`."""
    if find_spec("ray") is None:
        raise SARChatError(f"Ray is not installed; {install_extra('ray')}, or build with --engine processes")
    if address in (None, "auto"):
        return
    host, _, port = str(address).rpartition(":")
    try:
        if not host or "/" in host:
            raise ValueError("it has no HOST:PORT")
        socket.create_connection((host.strip("[]"), int(port)), _SECONDS_TO_ANSWER).close()
    except (OSError, ValueError, OverflowError) as error:
        raise SARChatError(
            f"no Ray cluster answers at --address {address}: {error}; give HOST:PORT, such as 10.0.0.1:6379, or auto "
            "on a machine of the cluster"
        ) from error


def run(
    work: Callable[[Job, Advance], Result],
    jobs: Sequence[Job],
    num_proc: int | None,
    address: str | None,
    advance: Advance,
) -> Generator[tuple[Job, Result], None, None]:
    """Run each job as a task of Ray, see `Engine.run`; without `num_proc`, the cluster decides how many at a time."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray

    waiting = list(reversed(jobs))
    running: dict[Any, Job] = {}
    with _connected(address, num_proc):
        place = (os.getcwd(), ray.get_runtime_context().get_node_id())
        task = ray.remote(_run_job).options(
            num_cpus=1, max_retries=_RETRIES, retry_exceptions=[*_PASSING], scheduling_strategy="SPREAD"
        )
        try:
            while waiting or running:
                # Twice as many as can run, so that no worker waits for its next job and a cluster that grows sees why.
                limit = num_proc or 2 * max(1, int(ray.cluster_resources().get("CPU", 0)))
                while waiting and len(running) < limit:
                    job = waiting.pop()
                    running[task.remote(pickle.dumps((job, work)), *place)] = job
                for reference in ray.wait(list(running))[0]:
                    yield running.pop(reference), ray.get(reference)
        except ray.exceptions.RayError as error:
            raise _explain(error) from error


def _explain(error: Exception) -> Exception:
    """Return what the work raised, or else one line on what Ray gave up."""
    import ray.exceptions

    cause = getattr(error, "cause", None)
    if _NOT_IMPORTED in str(cause):
        last = str(cause).strip().splitlines()[-1]
        advice = f"install the same version of {PACKAGE} on every node, for the Python of Ray"
        return SARChatError(f"a worker cannot import what it is to run: {last}; {advice}")
    if isinstance(cause, Exception) and not isinstance(cause, ray.exceptions.RayError):
        return cause
    return SARChatError(
        f"the Ray cluster gave up a job, which it repeats {_RETRIES} times if its worker or node is lost, or runs out "
        f"of memory: {_first_line(error)}"
    )


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@contextmanager
def _connected(address: str | None, num_proc: int | None) -> Iterator[None]:
    """Connect to a cluster, or start Ray on this machine and stop it after the block.

    On a cluster, only the jobs that still run are ended.

    Raises:
        SARChatError: if the cluster cannot be reached, or runs another version of Python or Ray.
    """
    import ray

    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "critical"}
    with tempfile.TemporaryDirectory(prefix="sarchat-ray-", ignore_cleanup_errors=True) as folder:
        if address is None:
            if "RAY_AUTH_TOKEN_PATH" not in os.environ:
                # Otherwise Ray writes one into the user's home directory.
                os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
            options |= {
                "num_cpus": num_proc,
                "include_dashboard": False,
                "object_store_memory": _OBJECT_STORE_BYTES,
                "_temp_dir": folder,
            }
        try:
            with starting_processes():
                ray.init(address or "local", **options)
        # Ray's own errors have no common class; a machine that is too busy to start it raises `Exception` itself.
        except Exception as error:
            hint = "; if the cluster was started with a token, set RAY_AUTH_MODE=token" if address else ""
            raise SARChatError(f"cannot use Ray at {address or 'this machine'}: {_first_line(error)}{hint}") from error
        try:
            yield
        finally:
            # Ray ends the jobs of a process that disconnects. Cancelling them one by one may abort this process if one
            # finishes at that moment (https://github.com/ray-project/ray/pull/54738).
            with uninterrupted():
                ray.shutdown(wait_for_processes=True)


def _run_job(pickled: bytes, folder: str, driver: str) -> Any:  # noqa: ANN401
    """Run a job in a worker.

    Args:
        pickled: job and work; a job refuses to be read by another version.
        folder: the folder that relative paths are relative to.
        driver: the id of the node of the process that started the build.

    Raises:
        SARChatError: a mistake that the work found; it names the node if it is another one than the driver's.
    """
    import ray

    try:
        if Path(folder).is_dir():
            os.chdir(folder)
        job, work = pickle.loads(pickled)
        return work(job, lambda images: None)
    except (SARChatError, OSError) as error:
        if ray.get_runtime_context().get_node_id() == driver or isinstance(error, _PASSING):
            raise
        raise SARChatError(f"{error} (on node {ray.util.get_node_ip_address()})") from error
