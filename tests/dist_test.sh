#!/bin/sh
# The packages as a stranger meets them: outside the tree, in empty environments.
#   the wheel runs the demo; the sdist builds a wheel that runs it too (so the C sources are inside).
set -eu
python=${1:-python3}
dist=$(cd "$(dirname "$0")/../dist" && pwd)
away=$(mktemp -d)
trap 'rm -rf "$away"' EXIT
cd "$away"

$python -m venv wheel
wheel/bin/pip install --quiet "$dist"/*.whl
wheel/bin/tickstep demo --ticks 20000 --out demo-wheel --no-plot
test -f "$(wheel/bin/python -c 'import tickstep; print(tickstep.get_include())')/tickstep.h"
test -f "$(wheel/bin/python -c 'import tickstep; print(tickstep.get_include())')/tickstep_strategy.h"

$python -m venv sdist
sdist/bin/pip install --quiet "$dist"/*.tar.gz
sdist/bin/tickstep demo --ticks 20000 --out demo-sdist --no-plot

digest() { sed -n 's/.*"digest": "\([0-9a-f]*\)".*/\1/p' "$1/run.json" | tail -n 1; }
test -n "$(digest demo-wheel)"
test "$(digest demo-wheel)" = "$(digest demo-sdist)"
echo "dist: wheel and sdist both run, one digest"
