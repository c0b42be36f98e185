#!/usr/bin/env bash
# Create the virtual environment: envs/create.sh FOLDER
# Checks first what pip would only fail on late, and names what is missing.
set -euo pipefail
folder=$1

missing() {
  echo "ephforge: $1 is missing; install $2 (Debian and Ubuntu: apt-get install $3)" >&2
  exit 1
}

fits() { # a Python of a version that the lock covers
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

python=
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
  if fits "$candidate"; then python=$candidate; break; fi
done
[ -n "$python" ] || missing "Python 3.11, 3.12 or 3.13${PYTHON:+ (PYTHON=$PYTHON)}" "it" "python3 python3-venv python3-dev"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')

"$python" -c 'import venv, ensurepip' 2>/dev/null \
  || missing "venv of $python" "the venv module" "python$version-venv"
headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
[ -f "$headers/Python.h" ] || missing "Python.h of $python" "the Python headers" "python$version-dev"
command -v "${CXX:-g++}" >/dev/null || missing "a C++ compiler" "g++ (asap3 is compiled)" "g++"

# asap3 compiles with mpicxx as soon as it finds one, so the wrapper has to work
if command -v mpicxx >/dev/null; then
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  echo '#include <mpi.h>' >"$scratch/mpi.cpp"
  mpicxx -c "$scratch/mpi.cpp" -o "$scratch/mpi.o" 2>/dev/null \
    || missing "mpi.h, although mpicxx is on PATH," "the MPI headers" "libopenmpi-dev"
fi

echo "creating $folder with Python $version; asap3 is compiled, which takes a minute or two"
if [ -x "$folder/bin/python" ] && ! "$folder/bin/python" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')"; then
  rm -rf "$folder"
fi
[ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
pip=("$folder/bin/python" -m pip --disable-pip-version-check --quiet)
"${pip[@]}" install --require-hashes -r requirements.lock
"${pip[@]}" install --no-deps -e .
if [ "${EXTRA:-}" = cuda ]; then
  "${pip[@]}" install "jax[cuda12]==$("$folder/bin/python" -c 'import jax; print(jax.__version__)')"
elif [ -n "${EXTRA:-}" ]; then
  echo "ephforge: EXTRA=$EXTRA is unknown; allowed: cuda" >&2
  exit 1
fi
