#!/bin/sh
# Makes this machine ready for the specs that need a real Kafka broker: Java and Maven as Debian packages, and the broker
# as its Maven artifacts (scripts/kafka/pom.xml; about 45 MB) in .cache/kafka. The specs start a broker of their own and stop
# it again. Asks nothing and may be run again at any time. Where KAFKA_BROKERS names a broker, that one is used.
#
# exit 0  everything is there
# exit 1  something could not be fetched
# exit 3  something is missing and only root can add it; the command that does is printed
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
pom="$root/scripts/kafka/pom.xml"
libs="$root/.cache/kafka"

say() { printf 'kafka-setup: %s\n' "$*"; }

if [ -n "${KAFKA_BROKERS:-}" ]; then
  say "the broker at $KAFKA_BROKERS is used"
  exit 0
fi

missing=""
command -v java >/dev/null || missing="$missing openjdk-17-jre-headless"
fetched=no
if [ -e "$libs/.complete" ] && cmp -s "$pom" "$libs/.complete"; then fetched=yes; fi
[ "$fetched" = yes ] || command -v mvn >/dev/null || missing="$missing maven"

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
fi

if [ "$fetched" = yes ]; then
  say "the broker: all there"
  exit 0
fi

say "fetching the Kafka broker (about 45 MB) into .cache/kafka"
rm -rf "$libs"
mkdir -p "$libs"
mvn -q -B -f "$pom" dependency:copy-dependencies -DoutputDirectory="$libs" || {
  say "could not fetch the broker"
  exit 1
}
# Made last: a fetch that was broken off is begun anew, and so is one for another version.
cp "$pom" "$libs/.complete"
say "ready"
