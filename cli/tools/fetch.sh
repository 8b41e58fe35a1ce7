#!/usr/bin/env bash
# Unpacks the Debian packages that some tests drive into .tools/ (ignored by git): nothing is installed on the machine.
# What the machine already has on PATH is used as it is where a package cannot be fetched.
set -euo pipefail
cd "$(dirname "$0")/../.."
packages=(kubernetes-client prometheus openssl curl strace)
mkdir -p .tools/packages
command -v apt-get > /dev/null && command -v dpkg > /dev/null || {
  echo "npm run tools needs Debian's apt-get and dpkg; elsewhere install these yourself: ${packages[*]}" >&2
  exit 1
}
cd .tools/packages
updated=""
for package in "${packages[@]}"; do
  if compgen -G "${package}_*.deb" > /dev/null; then
    echo "$package: here"
    continue
  fi
  if ! apt-get download "$package" > download.log 2>&1; then
    # A machine that never fetched a list of packages knows none.
    [ -n "$updated" ] || { apt-get update > update.log 2>&1 || true; updated=yes; }
    apt-get download "$package" > download.log 2>&1 || { echo "$package: could not be downloaded" >&2; cat download.log >&2; continue; }
  fi
  dpkg -x "${package}"_*.deb ..
  echo "$package: unpacked"
done
rm -f download.log update.log
