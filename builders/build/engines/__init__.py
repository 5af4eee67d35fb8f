"""Engines: what runs the jobs of a build, on this machine or on a cluster."""

from __future__ import annotations

from builders.build.engines import processes, ray_tasks
from builders.build.engines.engine import Engine
from builders.core.registry import Registry

# By the name that `--engine` takes. Other packages add theirs as entry points of this group.
ENGINES: Registry[Engine] = Registry("engine", "sarchat.engines", {"processes": processes, "ray": ray_tasks})
