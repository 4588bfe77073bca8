#!/bin/sh
# Makes this machine ready for `npm run test:interop`: the Debian packages that hold the real clients, and the
# ordinary user under which Gajim runs (it refuses to run as root). Asks nothing and may be run again at any time.
#
# exit 0  everything is there
# exit 1  something could not be installed
# exit 3  something is missing and only root can add it; the command that does is printed
set -eu

# python3-slixmpp, profanity, gajim: the clients. python3-aiohttp: for slixmpp's uploads. tmux: profanity's terminal. The
# rest is Gajim's desktop.
packages="python3-slixmpp python3-aiohttp profanity tmux gajim xvfb openbox dbus-daemon libglib2.0-bin ca-certificates"
packages="$packages xdotool imagemagick fonts-dejavu-core"
user="${INTEROP_USER:-sluice-interop}"

say() { printf 'interop-setup: %s\n' "$*"; }

missing=""
for package in $packages; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done

if [ -n "$missing" ]; then
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
else
  say "packages: all there"
fi

# An ordinary user runs Gajim as itself, so only root needs another one.
if [ "$(id -u)" -eq 0 ]; then
  if id "$user" >/dev/null 2>&1; then
    say "user $user: there"
  else
    useradd --system --create-home --shell /bin/sh "$user"
    say "user $user: created"
  fi
fi
say "ready"
