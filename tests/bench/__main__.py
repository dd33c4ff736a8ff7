"""`python -m tests.bench [NAME …]`: all benchmarks of this folder, or those named."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path


def main(names: list[str]) -> int:
    there = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
    unknown = [name for name in names if name not in there]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(there)}", file=sys.stderr)
        return 2
    for name in names or there:
        module = import_module(f"tests.bench.{name}")
        print(f"== {name}: {(module.__doc__ or '').splitlines()[0]}", flush=True)
        module.run()
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    raise SystemExit(main(sys.argv[1:]))
