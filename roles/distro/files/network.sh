# shellcheck shell=sh
# Put apt's proxy and the certificates in their places where they differ, and say so. The lines before this text set what is wanted; check=yes only tells.
: "${check?}" "${proxy?}"
folder=/usr/local/share/ca-certificates
new=$(mktemp)
trap 'rm -f "$new"' EXIT
# place FILE WHAT: the wanted content stands in $new
place() {
    cmp -s "$new" "$1" && return 1
    echo "changed $2"
    [ "$check" = yes ] || { mkdir -p "${1%/*}" && cp "$new" "$1" && chmod 644 "$1"; }
}
apt=/etc/apt/apt.conf.d/90gpudev-proxy
echo "$proxy" | base64 -d >"$new"
if [ -s "$new" ]; then
    place "$apt" "proxy of apt" || true
elif [ -e "$apt" ]; then
    # Ours by its name, and no longer declared.
    echo "changed no proxy of apt"
    [ "$check" = yes ] || rm -f "$apt"
fi
certificates=no names=
for pair in "$@"; do
    names="$names ${pair%%=*}"
    echo "${pair#*=}" | base64 -d >"$new"
    echo >>"$new"
    if place "$folder/gpudev-${pair%%=*}.crt" "certificate ${pair%%=*}"; then certificates=; fi
done
for file in "$folder"/gpudev-*.crt; do
    name=${file##*/gpudev-} && name=${name%.crt}
    case "$names " in *" $name "*) continue ;; esac
    [ -e "$file" ] || continue
    # Ours by its name, and no longer declared. Only --fresh takes the links away that others made of it.
    echo "changed no certificate $name"
    certificates=--fresh
    [ "$check" = yes ] || rm -f "$file"
done
# A fresh distribution may have no such program yet; the package that brings it reads the folder when it is installed.
if [ "$certificates" = no ] || ! command -v update-ca-certificates >/dev/null; then exit 0; fi
# shellcheck disable=SC2086
[ "$check" = yes ] || update-ca-certificates $certificates >/dev/null
