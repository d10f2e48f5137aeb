#!/bin/sh
# Make a virtual environment with the first Python on the PATH that pix2cap runs on: sh scripts/venv.sh .venv
set -eu
venv=$1

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' </dev/null >/dev/null 2>&1
}

found=
for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
    if fits "$candidate"; then
        found=$candidate
        break
    fi
done
if [ -z "$found" ]; then
    echo "pix2cap needs Python 3.11 to 3.14; python3 here is: $(python3 --version 2>&1 || true)" >&2
    echo "Install one (Debian 12: apt-get install python3 python3-venv), or name it: make PYTHON=/path/to/python3.12" >&2
    exit 1
fi

# Debian ships Python without ensurepip; the package that has it carries the version in its name.
if ! "$found" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    package="$("$found" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing $package, which $found needs to make virtual environments"
        { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$package"; } \
            </dev/null >/dev/null 2>&1 || true
    fi
    if ! "$found" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        echo "$found cannot make virtual environments: install $package (apt-get install $package) and try again" >&2
        exit 1
    fi
fi

echo "Making $venv with $("$found" --version)"
# --clear: what an interrupted attempt left is no use.
"$found" -m venv --clear "$venv" </dev/null
