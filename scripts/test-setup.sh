#!/bin/sh
# Makes this machine ready for the specs that need a real database or broker: the Debian packages of PostgreSQL, MariaDB
# and RabbitMQ.
# Only their programs are wanted: the specs start servers of their own and stop them again, so no system service is
# started here. Asks nothing and may be run again at any time.
#
# exit 0  everything is there
# exit 1  something could not be installed
# exit 3  something is missing and only root can add it; the command that does is printed
set -eu

packages="postgresql mariadb-server rabbitmq-server"
policy=/usr/sbin/policy-rc.d

say() { printf 'test-setup: %s\n' "$*"; }

missing=""
for package in $packages; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done

if [ -z "$missing" ]; then
  say "packages: all there"
  exit 0
fi

install="apt-get update && apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" -ne 0 ]; then
  say "missing:$missing"
  say "run this once: sudo sh -c '$install'"
  exit 3
fi

# Debian asks this file whether a package that is being installed may start its service; 101 means no.
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

say "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of words, on purpose
{ apt-get update && apt-get install -y --no-install-recommends $missing; } || {
  say "could not install:$missing"
  exit 1
}
say "ready"
