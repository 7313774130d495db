#!/bin/sh
# Makes a briefing of the sample debate in demo-report/, from nothing but this checkout.
set -eu
cd "$(dirname "$0")/.."
AUTOINTEL_DATA_DIR=demo-report/data
export AUTOINTEL_DATA_DIR
autointel run examples/debate.opus --depth experimental --out demo-report
echo
echo "Now everything heard can be searched: autointel search \"$1\""
autointel search "$1" --limit 3
