# shellcheck shell=sh
# Install the packages in the arguments, in the versions given there. Nothing that is installed goes for them, and what the owner holds stays.
LC_ALL=C DEBIAN_FRONTEND=noninteractive
export LC_ALL DEBIAN_FRONTEND
# Ubuntu's own updates often hold the lock for a while after a start.
set -- -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    --no-install-recommends --no-remove --allow-downgrades install "$@"
apt-get -q -o DPkg::Lock::Timeout=300 update && exec apt-get "$@"
