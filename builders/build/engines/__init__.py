"""Engines: what runs the jobs of a build, on this machine or on a cluster."""

from __future__ import annotations

from builders.build.engines import processes, ray_tasks
from builders.build.engines.engine import Engine

# By the name that `--engine` takes. A new engine is a module and a line here.
ENGINES: dict[str, Engine] = {"processes": processes, "ray": ray_tasks}
