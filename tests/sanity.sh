#!/usr/bin/env bash
# `ansible-test sanity` on a copy, because it insists on a real path that ends in ansible_collections/gpudev/workstation and on a git repository.
set -euo pipefail
cd "$(dirname "$0")/.."
source=$PWD
copy=$PWD/.cache/sanity/ansible_collections/gpudev/workstation
cache=$HOME/.ansible/test/cache

# ansible-test wants get-pip from a host of its own. Where that is out of reach a stand-in of that name in its cache serves; it is only put
# there when the download fails and the stand-in is at hand.
offline_stand_in() {
  python - <<'P' && return 0
import urllib.request
urllib.request.urlopen("https://ci-files.testing.ansible.com/", timeout=5)
P
  local stand_in=../shared/tools/ansible_test_cache/get_pip_24_2.py
  [ -f "$cache/get_pip_24_2.py" ] && return 0
  if [ -f "$stand_in" ]; then
    mkdir -p "$cache" && cp "$stand_in" "$cache/"
    return 0
  fi
  return 1
}

if ! offline_stand_in 2>/dev/null; then
  echo "!!! SKIPPED: ansible-test sanity. It downloads get-pip from ci-files.testing.ansible.com, which cannot be reached from here."
  exit 0
fi

mkdir -p "$copy"
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
  [ -e "$file" ] && printf '%s\0' "$file"
done > .cache/sanity/files
rsync_like() {
  python - "$source" "$copy" <<'P'
"""Make the copy hold exactly the listed files, touching only what differs, so that ansible-test's caches stay warm."""
import filecmp, os, pathlib, shutil, sys
source, copy = map(pathlib.Path, sys.argv[1:])
wanted = {name for name in (source / ".cache/sanity/files").read_bytes().decode().split("\0") if name}
for path in [p for p in copy.rglob("*") if p.is_file() or p.is_symlink()]:
    name = str(path.relative_to(copy))
    if name not in wanted and not name.startswith((".git/", "tests/output/")):
        path.unlink()
for name in wanted:
    target = copy / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists() or not filecmp.cmp(source / name, target, shallow=False):
        shutil.copy2(source / name, target, follow_symlinks=False)
P
}
rsync_like
cd "$copy"
[ -d .git ] || git init -q .
git add -A >/dev/null
export LC_ALL=C.UTF-8
ansible-test sanity --local --python "$(python -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")')" --requirements
