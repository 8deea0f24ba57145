# What a distribution has of what it needs, one name=value a line. POSIX shell only: there may be no Python yet.
# The line before this text sets `user` and `venv`.
yes_if() { if "$@" >/dev/null 2>&1; then echo yes; else echo no; fi; }
echo "whoami=$(id -un)"
echo "wsl=$(yes_if test -d /usr/lib/wsl)"
echo "python=$(command -v python3 || true)"
echo "venv_module=$(yes_if python3 -c 'import ensurepip, venv')"
echo "apt=$(command -v apt-get || true)"
echo "user=$(id -u "$user" 2>/dev/null || true)"
echo "groups=$(id -nG "$user" 2>/dev/null || true)"
echo "docker_group=$(yes_if getent group docker)"
client=
if [ -x "$venv/bin/python3" ]; then
    for path in "$venv"/lib/python3*/site-packages/kubernetes-*.dist-info; do
        [ -d "$path" ] && client=${path##*/kubernetes-} && client=${client%.dist-info}
    done
fi
echo "client=$client"
