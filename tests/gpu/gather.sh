#!/usr/bin/env bash
# Gather what tests/gpu/run.sh needs on a machine with a GPU but without network, Docker or Ansible, into the folder given (default .gpu), below 64 MiB:
# Debian 13's Docker engine (the first in Debian with CDI), a static busybox, and ansible-core's wheel. Debian's archive keyring checks the packages.
set -euo pipefail
cd "$(dirname "$0")/../.."
into=$(realpath -m "${1:-.gpu}")
mkdir -p "$into"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,cache/archives/partial}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] http://deb.debian.org/debian trixie main" >"$work/sources.list"
apt=(apt-get -q -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache"
  -o APT::Sandbox::User=root -o APT::Architecture=amd64 -o APT::Architectures=amd64)
"${apt[@]}" update
(cd "$work/cache" && "${apt[@]}" download docker.io docker-cli containerd runc libseccomp2 busybox-static)
for package in "$work"/cache/*.deb; do dpkg-deb -x "$package" "$work/tree"; done
wanted=(usr/sbin/dockerd usr/bin/docker usr/bin/containerd usr/bin/containerd-shim-runc-v2 usr/sbin/runc usr/bin/busybox)
(cd "$work/tree" && tar -c "${wanted[@]}" usr/lib/x86_64-linux-gnu/libseccomp.so.2*) | xz -4 -T0 >"$into/engine.tar.xz"
(cd "$work/cache" && sha256sum ./*.deb) >"$into/packages.sha256"
rm -f "$into"/*.whl
version=$(sed -n 's/^ansible-core==\([^ ]*\).*/\1/p' requirements/run.txt)
python3 -m pip download --quiet --no-deps --only-binary=:all: -d "$into" "ansible-core==$version"
du -sh "$into"
