"""What does the jobs of a build: processes of this machine, or a cluster."""

from __future__ import annotations

from builders.build.engines import processes
from builders.build.engines.engine import Engine

# By the name that `--engine` takes. A new engine is a module and a line here.
ENGINES: dict[str, Engine] = {"processes": processes}
