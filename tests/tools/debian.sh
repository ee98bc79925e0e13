# debian.sh: minimal Debian 12 systems in folders, for tests that need a machine with nothing on it;
# sourced by tests/bare and others (bash or sh). Needs root; debootstrap is installed where missing.
#
#   debian_make FOLDER          a minimal bookworm, with this machine's own ways to its packages
#   debian_boot FOLDER          boots it: systemd in namespaces of its own, no network but loopback;
#                               sets debian_init to the process that is its PID 1
#   debian_in PID COMMAND...    runs a command in what was booted
#   debian_halt                 ends what was booted, and all that ran in it
#
# Packages come from where this machine takes its own; nothing of that is in the repository.
# shellcheck shell=sh

debian_copy() { # folder setting: what this machine's administrator set
    [ ! -e "$2" ] || { mkdir -p "$1$(dirname "$2")" && cp -rL "$2" "$1$2"; }
}

debian_make() { # folder
    if ! command -v debootstrap >/dev/null; then
        apt-get -q update && apt-get -q -y install --no-install-recommends debootstrap
    fi
    debian_mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' |
        awk '$2 == "bookworm" && $3 == "main" { print $1; exit }')
    [ -n "$debian_mirror" ] || { echo "this machine's apt has no bookworm main" >&2; return 1; }
    debootstrap --variant=minbase bookworm "$1" "$debian_mirror" >"$1.log" 2>&1 || {
        tail -n 20 "$1.log" >&2
        return 1
    }
    mv "$1.log" "$1/var/log/debootstrap.log"
    rm -f "$1/etc/apt/sources.list"
    for setting in /etc/resolv.conf /etc/hosts /etc/npmrc /usr/etc/npmrc /usr/local/share/ca-certificates \
        /etc/apt/sources.list /usr/share/keyrings/debian-archive-keyring.gpg \
        /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list \
        /etc/apt/apt.conf.d/*proxy*; do
        debian_copy "$1" "$setting"
    done
}

# A new root, a cgroup of its own and shared mounts are what systemd wants of a container manager.
debian_boot() { # folder
    debian_cgroup=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)/amr-test.$$
    mkdir -p "$debian_cgroup"
    # shellcheck disable=SC2016 # the inner shells' variables
    sh -c 'echo $$ >"$2/cgroup.procs"
        exec setsid unshare --mount --pid --fork --kill-child --cgroup --ipc --uts --net \
            --propagation private sh -c "$3" sh "$1"' sh "$1" "$debian_cgroup" '
        set -e
        mount --bind "$1" "$1"
        cd "$1"
        ip link set lo up 2>/dev/null || true
        mount -t proc proc proc
        mount -t sysfs sysfs sys
        mount -t cgroup2 cgroup2 sys/fs/cgroup
        mount -t tmpfs -o mode=755 tmpfs dev
        mount -t tmpfs -o mode=755 tmpfs run
        mount -t tmpfs tmpfs tmp
        for device in null zero full random urandom tty; do
            : >"dev/$device"
            mount --bind "/dev/$device" "dev/$device"
        done
        mkdir -p dev/pts dev/shm oldroot
        mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
        ln -s pts/ptmx dev/ptmx
        mount -t tmpfs tmpfs dev/shm
        pivot_root . oldroot
        umount -l /oldroot
        mount --make-rshared /
        exec env -i container=nspawn PATH=/usr/sbin:/usr/bin:/sbin:/bin /sbin/init
    ' </dev/null >"$1.boot" 2>&1 &
    debian_outer=$!
    debian_init=''
    debian_tries=0
    until [ -n "$debian_init" ] && debian_in "$debian_init" systemctl is-system-running --wait 2>/dev/null |
        grep -Eq 'running|degraded'; do
        debian_tries=$((debian_tries + 1))
        if [ $debian_tries -gt 100 ] || ! kill -0 $debian_outer 2>/dev/null; then
            cat "$1.boot" >&2
            return 1
        fi
        debian_init=$(pgrep -P "$debian_outer" || true)
        sleep 0.2
    done
}

debian_in() { # pid command...
    debian_pid=$1
    shift
    nsenter -t "$debian_pid" -a -r env -i HOME=/root TERM=dumb LANG=C.UTF-8 \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

debian_halt() {
    [ -n "${debian_init-}" ] || return 0
    kill -KILL "$debian_outer" 2>/dev/null || true
    wait "$debian_outer" 2>/dev/null || true
    rmdir "$debian_cgroup" 2>/dev/null || true
    debian_init=''
}
