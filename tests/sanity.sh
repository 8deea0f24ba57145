#!/usr/bin/env bash
# `ansible-test sanity` on a copy, because it insists on a real path that ends in ansible_collections/gpudev/workstation and on a git repository.
# Its virtual environments lie where it always puts them, in ~/.ansible/test; the first run makes them, which takes minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
source=$PWD
copy=$PWD/.cache/sanity/ansible_collections/gpudev/workstation

reachable() {
  python -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)' "$1" >/dev/null 2>&1
}

# ansible-test fetches get-pip from a host of its own, unless its cache has it. Where that host is out of reach a stand-in of that name serves.
provide_get_pip() {
  local version cached
  version=$(python -c 'import pathlib, re, ansible_test
print(re.search(r"pip=.([\d.]+)", pathlib.Path(ansible_test.__path__[0], "_internal/python_requirements.py").read_text())[1])')
  cached=$HOME/.ansible/test/cache/get_pip_${version//./_}.py
  if [ ! -f "$cached" ] && ! reachable "https://ci-files.testing.ansible.com/ansible-test/get-pip-$version.py"; then
    echo "ci-files.testing.ansible.com cannot be reached: tests/get_pip_stand_in.py takes the place of its get-pip, as $cached"
    mkdir -p "${cached%/*}"
    cp tests/get_pip_stand_in.py "$cached"
  fi
}

# Warm virtual environments need no network; to make them takes a package index.
can_make_environments() {
  local probe
  compgen -G "$HOME/.ansible/test/venv/sanity.*" >/dev/null && return 0
  probe=$(mktemp -d)
  python -m pip download --quiet --no-deps --dest "$probe" packaging >/dev/null 2>&1 || { rm -rf "$probe"; return 1; }
  rm -rf "$probe"
}

# Make the copy hold exactly the repository's files, touching only what differs, so that ansible-test's caches stay warm.
refresh_copy() {
  mkdir -p "$copy"
  git ls-files -z --cached --others --exclude-standard | python -c '
import filecmp, pathlib, shutil, sys
source, copy = map(pathlib.Path, sys.argv[1:])
wanted = {name for name in sys.stdin.read().split("\0") if name and (source / name).exists()}
for path in [path for path in copy.rglob("*") if path.is_file() or path.is_symlink()]:
    name = str(path.relative_to(copy))
    if name not in wanted and not name.startswith((".git/", "tests/output/")):
        path.unlink()
for name in wanted:
    target = copy / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists() or not filecmp.cmp(source / name, target, shallow=False):
        shutil.copy2(source / name, target, follow_symlinks=False)
' "$source" "$copy"
}

if ! can_make_environments; then
  echo "!!! SKIPPED: ansible-test sanity. It has no virtual environments yet, and no package index can be reached to make them."
  exit 0
fi
provide_get_pip
refresh_copy
cd "$copy"
[ -d .git ] || git init -q .
git add -A >/dev/null
export LC_ALL=C.UTF-8
ansible-test sanity --local --python "$(python -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")')" --requirements
