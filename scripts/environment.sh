# Creates .venv and installs packages into it. The other scripts source this file from the root
# of the checkout.
#
# It needs Python 3.10 or newer. On Debian and Ubuntu it installs everything else with apt-get,
# as root or with a sudo that needs no password.

# With it, each process that the tests start would compile all modules again.
unset PYTHONDONTWRITEBYTECODE

say() {
  printf '==> %s\n' "$*"
}

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# make_environment: create .venv with the newest supported Python on PATH, unless it exists.
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
      "and then run this again."
  fi
  say "Making .venv with $("$python" --version)"
  "$python" -m venv --clear .venv
}

newest_python() {
  local python
  for python in python3.{14..10} python3; do
    # A command on PATH may be a stub that fails, such as pyenv's.
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      command -v "$python"
      return
    fi
  done
  return 1
}

# install ARGUMENTS: run pip install in .venv, unless that was done with the same pyproject.toml.
install() {
  local what=$*
  local stamp=".venv/installed-${what//[^A-Za-z0-9]/-}"
  if cmp -s pyproject.toml "$stamp"; then
    return
  fi
  say "Installing $what"
  # --group needs pip 25.1 or newer.
  pip install 'pip>=25.1'
  pip install "$@"
  cp pyproject.toml "$stamp"
}

# Hides the warning of setuptools about editable installations without a src folder. Python
# compiles a module when it is first imported, and most are not.
pip() {
  PYTHONWARNINGS='ignore:Editable installation' PIP_NO_COMPILE=1 \
    .venv/bin/python -m pip --quiet --disable-pip-version-check "$@"
}

# apt_install PACKAGES: install them; fail if apt-get is missing, not permitted or fails.
#
# It removes no package, and it neither starts nor restarts a service: the variables prevent it
# in systemd, in init scripts and in needrestart.
apt_install() {
  if ! command -v apt-get >/dev/null || ! as_root true 2>/dev/null; then
    return 1
  fi
  say "Installing with apt-get: $*"
  as_root apt-get update --quiet=2 || say "apt-get update failed; using the old package lists"
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
