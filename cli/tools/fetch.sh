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

# Chromium's libraries differ from system to system: what apt would install here beside it is unpacked with it.
if compgen -G "chromium_*.deb" > /dev/null; then
  echo "chromium: here"
else
  [ -n "$updated" ] || apt-get update > update.log 2>&1 || true
  # `|| true`: a system without the package has no such list.
  closure=$(apt-get install --simulate --no-install-recommends chromium 2> /dev/null | awk '$1 == "Inst" { print $2 }' || true)
  mkdir -p chromium.part
  if (cd chromium.part && apt-get download ${closure:-chromium}) > download.log 2>&1; then
    for deb in chromium.part/*.deb; do dpkg -x "$deb" ..; done
    # Last, so that an interrupted run begins again.
    mv chromium.part/*.deb .
    echo "chromium: unpacked, with ${closure:+$(($(wc -w <<< "$closure") - 1)) packages of }its libraries"
  else
    echo "chromium: could not be downloaded" >&2
    cat download.log >&2
  fi
  rm -rf chromium.part
fi
rm -f download.log update.log
