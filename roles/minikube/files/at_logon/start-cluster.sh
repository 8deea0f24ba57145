#!/bin/sh
# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Wait for the Docker engine, then start the cluster unless it is healthy: a start would restart every pod. Run by whatever starts the cluster by itself,
# a scheduled task of Windows or a unit of systemd, as the user who owns it.
#   -p PROFILE   the minikube profile          -m MINIKUBE  the program          -H FOLDER  its MINIKUBE_HOME, if it has one
#   -w SECONDS   how long to wait for the engine
#   -l           nobody sees what is said: keep it in ~/.cache/gpudev.workstation/start-at-logon.log
#   -k           stay: an engine inside a distribution of WSL ends with the distribution, and that ends when nothing of Windows uses it
# What stands behind the options is run once the cluster is up.
set -u
keep=
log=
while getopts p:m:H:w:lk option; do
    case $option in
        p) profile=$OPTARG ;;
        m) minikube=$OPTARG ;;
        H) export MINIKUBE_HOME="$OPTARG" ;;
        w) seconds=$OPTARG ;;
        l) log="$HOME/.cache/gpudev.workstation/start-at-logon.log" ;;
        k) keep=yes ;;
        *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
if [ -n "$log" ]; then
    mkdir -p "${log%/*}" && exec >"$log" 2>&1
fi
date

deadline=$(($(date +%s) + seconds))
until timeout 20 docker version >/dev/null 2>&1; do
    if [ "$(date +%s)" -ge "$deadline" ]; then
        echo "no Docker engine after $seconds seconds; the cluster $profile was not started" >&2
        exit 1
    fi
    sleep 2
done

"$minikube" status -p "$profile" >/dev/null 2>&1
case $? in
    0) echo "the cluster $profile runs" ;;
    # No such profile: a start would make a cluster of minikube's own choice.
    85) echo "there is no cluster $profile" >&2 && exit 85 ;;
    *) "$minikube" start -p "$profile" --keep-context --interactive=false || exit ;;
esac
[ $# -eq 0 ] || "$@"
[ -z "$keep" ] || exec tail -f /dev/null
