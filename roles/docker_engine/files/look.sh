# shellcheck shell=sh
# What there is of an engine, one name=value a line. Arguments: the user, and the addresses of the package repositories that are declared.
user=$1
shift
is_member() { id -nG "$user" | grep -qw docker; }
yes_if() { if "$@" >/dev/null 2>&1; then echo yes; else echo no; fi; }
content() { if [ -f "$1" ]; then base64 -w0 "$1"; fi; }
packages="docker.io containerd runc docker-ce docker-ce-cli containerd.io
    nvidia-container-toolkit nvidia-container-toolkit-base libnvidia-container-tools libnvidia-container1"
# shellcheck disable=SC2086
dpkg-query -W -f 'package ${Package}=${Version} ${db:Status-Status}\n' $packages 2>/dev/null
# shellcheck source=/dev/null
. /etc/os-release
echo "id=$ID"
echo "codename=$VERSION_CODENAME"
echo "apt=$(command -v apt-get)"
echo "architecture=$(dpkg --print-architecture 2>/dev/null)"
# Lines of apt's sources that have such an address, each behind the name of its file and a colon.
for url; do
    grep -sHF -e "$url" /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources
done
echo "wsl=$(yes_if test -n "${WSL_DISTRO_NAME-}")"
echo "systemd=$(yes_if test -d /run/systemd/system)"
echo "dockerd=$(command -v dockerd)"
echo "active=$(yes_if systemctl is-active docker)"
echo "member=$(yes_if is_member)"
echo "daemon=$(content /etc/docker/daemon.json)"
echo "proxy=$(content /etc/systemd/system/docker.service.d/gpudev-proxy.conf)"
echo "cdi=$(yes_if test -s /etc/cdi/nvidia.yaml)"
echo "harden=$(cat /proc/sys/net/core/bpf_jit_harden 2>/dev/null)"
# An engine keeps the certificates that it read when it started.
echo "certificates_newer=$(yes_if test /etc/ssl/certs/ca-certificates.crt -nt /run/docker.pid)"
