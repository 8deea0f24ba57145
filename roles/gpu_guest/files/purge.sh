# shellcheck shell=sh
# Purge exactly the packages in the arguments, or nothing. The line before this text sets them.
LC_ALL=C DEBIAN_FRONTEND=noninteractive
export LC_ALL DEBIAN_FRONTEND
if ! command -v apt-get >/dev/null; then
    echo "Nothing was removed, because there is no apt-get here. Remove them by hand, for example: dnf remove $*" >&2
    exit 1
fi
plan=$(apt-get -s purge "$@") || { echo "$plan"; exit 1; }
# The indented lines below this sentence name everything that would go; a purged package has a star behind its name.
others=
for name in $(echo "$plan" | awk '/^[^ ]/ { removed = /^The following packages will be REMOVED:/ } /^ / && removed' | tr -d '*'); do
    case " $* " in *" ${name%%:*} "*) ;; *) others="$others $name" ;; esac
done
if [ -n "$others" ]; then
    echo "Nothing was removed, because these packages would go as well:$others. Remove or keep them by hand, then run again." >&2
    exit 1
fi
apt-get -y purge "$@" && ldconfig || exit 1
# Gone with the next start of the distribution, because /run is a tmpfs there; gpu_guest_info looks for it.
: > /run/gpudev.workstation.restart_owed
