# Sourced by the scripts beside it, from the checkout's root: makes .venv and fills it.
#
# Needs Python 3.10 or newer. What else is missing on Debian or Ubuntu it installs with
# apt-get, where it may: as root, or with a sudo that asks for no password.

say() {
  printf '==> %s\n' "$*"
}

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# make_environment: have .venv with the newest Python on PATH that this project supports.
make_environment() {
  if .venv/bin/python -c 'import pip' 2>/dev/null; then
    return
  fi
  local python
  python=$(newest_python) || fail \
    "Python 3.10 or newer is needed, and there is none on PATH ($(python3 --version 2>&1))." \
    "On Debian 12 or Ubuntu 22.04 and newer: apt-get install python3"
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    local package
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    apt_install "$package" || fail \
      "$python cannot make a virtual environment without the package $package." \
      "Run: sudo apt-get install $package" \
      "and then this again."
  fi
  say "Making .venv with $("$python" --version)"
  "$python" -m venv --clear .venv
}

newest_python() {
  local python
  for python in python3.{14..10} python3; do
    # A name on PATH may be a stub, such as pyenv's, that runs nothing.
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      command -v "$python"
      return
    fi
  done
  return 1
}

# install ARGUMENTS: pip install them into .venv, unless pyproject.toml is as it was then.
install() {
  local what=$*
  local stamp=".venv/installed-${what//[^A-Za-z0-9]/-}"
  if cmp -s pyproject.toml "$stamp"; then
    return
  fi
  say "Installing $what"
  # Only pip 25.1 and newer know --group.
  pip install 'pip>=25.1'
  pip install "$@"
  cp pyproject.toml "$stamp"
}

# Silent about what setuptools says of every checkout whose package is not below src/.
pip() {
  PYTHONWARNINGS='ignore:Editable installation' \
    .venv/bin/python -m pip --quiet --disable-pip-version-check "$@"
}

# apt_install PACKAGES: false where apt-get is missing, may not be used, or failed.
#
# It removes nothing to make room, and starts and restarts no service: the variables tell
# systemd, the init scripts and needrestart so.
apt_install() {
  if ! command -v apt-get >/dev/null || ! as_root true 2>/dev/null; then
    return 1
  fi
  say "Installing with apt-get: $*"
  as_root apt-get update --quiet=2 || say "apt-get update failed; going on with the old lists"
  as_root env DEBIAN_FRONTEND=noninteractive SYSTEMD_OFFLINE=1 RUNLEVEL=1 NEEDRESTART_SUSPEND=1 \
    apt-get install --quiet=2 --yes --no-remove --no-install-recommends -o Dpkg::Use-Pty=0 \
    "$@" >/dev/null
} </dev/null

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo -n "$@"
  fi
}
