# shellcheck shell=sh
# What a distribution has of what it needs, one name=value a line. POSIX shell only: there may be no Python yet.
# The line before this text sets these two.
: "${user?}" "${venv?}"
yes_if() { if "$@" >/dev/null 2>&1; then echo yes; else echo no; fi; }
# Without GPU support WSL may have no /usr/lib/wsl.
in_wsl() { [ -n "${WSL_DISTRO_NAME-}" ] || [ -d /usr/lib/wsl ] || uname -r | grep -qi microsoft; }
client() {
    [ -x "$venv/bin/python3" ] || return 0
    for path in "$venv"/lib/python3*/site-packages/kubernetes-*.dist-info; do
        [ -d "$path" ] && name=${path##*/kubernetes-} && echo "${name%.dist-info}"
    done
}
look() {
    echo "whoami=$(id -un)"
    echo "wsl=$(yes_if in_wsl)"
    echo "python=$(command -v python3)"
    echo "venv_module=$(yes_if python3 -c 'import ensurepip, venv')"
    echo "apt=$(command -v apt-get)"
    echo "user=$(id -u "$user" 2>/dev/null)"
    echo "groups=$(id -nG "$user" 2>/dev/null)"
    echo "docker_group=$(yes_if getent group docker)"
    echo "client=$(client)"
    echo "certificates=$(yes_if ls /usr/local/share/ca-certificates/gpudev-*.crt)"
    echo "apt_proxy=$(yes_if test -e /etc/apt/apt.conf.d/90gpudev-proxy)"
}
# Printed at once: every piece of output is a round trip over WinRM.
seen=$(look)
echo "$seen"
