# shellcheck shell=sh
# Purge exactly the packages in the arguments, or nothing. The line before this text sets them.
LC_ALL=C DEBIAN_FRONTEND=noninteractive
export LC_ALL DEBIAN_FRONTEND
purge_debs() {
    plan=$(apt-get -s purge "$@") || { echo "$plan"; return 1; }
    # The indented lines below this sentence name everything that would go; a purged package has a star behind its name.
    others=
    for name in $(echo "$plan" | awk '/^[^ ]/ { removed = /^The following packages will be REMOVED:/ } /^ / && removed' | tr -d '*'); do
        case " $* " in *" ${name%%:*} "*) ;; *) others="$others $name" ;; esac
    done
    if [ -n "$others" ]; then
        echo "Nothing was removed, because these packages would go as well:$others. Remove or keep them by hand, then run again." >&2
        return 1
    fi
    apt-get -y purge "$@"
}
if command -v apt-get >/dev/null; then
    purge_debs "$@" || exit 1
elif command -v rpm >/dev/null; then
    # rpm erases what it is told and nothing else; where another package needs one of them it refuses and names it.
    rpm --erase "$@" || { echo "Nothing was removed. Remove or keep the packages that rpm names by hand, then run again." >&2; exit 1; }
else
    echo "Nothing was removed, because there is neither apt-get nor rpm here. Remove them by hand: $*" >&2
    exit 1
fi
ldconfig || exit 1
# Gone with the next start of the distribution, because /run is a tmpfs there; gpu_guest_info looks for it.
: > /run/gpudev.workstation.restart_owed
