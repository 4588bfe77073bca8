#!/bin/sh
# Makes this machine ready for the specs that use the web client in a real browser: Debian's chromium.
# Asks nothing and may be run again at any time.
#
# exit 0  everything is there
# exit 1  something could not be installed
# exit 3  something is missing and only root can add it; the command that does is printed
set -eu

# The fonts: letters, and emoji.
packages="chromium fonts-dejavu-core fonts-noto-color-emoji"

say() { printf 'browser-setup: %s\n' "$*"; }

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

say "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of words, on purpose
{ apt-get update && apt-get install -y --no-install-recommends $missing; } || {
  say "could not install:$missing"
  exit 1
}
say "ready"
