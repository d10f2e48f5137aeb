#!/bin/sh
# Install Chromium for the browser tests where it is missing and this user may; never fails.
set -u
for name in "${PIX2CAP_CHROMIUM:-}" chromium chromium-browser google-chrome-stable google-chrome; do
    if [ -n "$name" ] && command -v "$name" >/dev/null 2>&1; then
        exit 0
    fi
done
if [ "$(id -u)" != 0 ]; then
    reason="not root"
elif ! command -v apt-get >/dev/null 2>&1; then
    reason="no apt-get"
else
    echo "Installing Chromium for the browser tests (once)"
    log=$(mktemp)
    if { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium; } \
        </dev/null >"$log" 2>&1 && command -v chromium >/dev/null 2>&1; then
        rm -f "$log"
        exit 0
    fi
    said=$(grep -v '^$' "$log" | tail -n 1)
    reason="apt-get could not: ${said:-it said nothing}"
    rm -f "$log"
fi
echo "No Chromium here and it cannot be installed ($reason): the browser tests will be skipped."
exit 0
