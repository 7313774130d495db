#!/bin/sh
# Makes a briefing of the sample debate in demo-report/, from nothing but this checkout.
set -eu
cd "$(dirname "$0")/.."
AUTOINTEL_DATA_DIR=demo-report/data
AUTOINTEL_WIKIPEDIA=off # the demo needs no network
export AUTOINTEL_DATA_DIR AUTOINTEL_WIKIPEDIA
words="how many people have been to the Moon"

echo "First it hears an almanac, against which claims can be weighed later: autointel run examples/almanac.vtt"
autointel run examples/almanac.vtt >/dev/null
echo
echo "Documents of one's own are evidence as well: autointel knowledge add examples/facts"
autointel knowledge add examples/facts
echo
echo "Then the debate: autointel run examples/debate.opus --depth experimental"
autointel run examples/debate.opus --depth experimental --out demo-report
echo
echo "What was heard can be searched: autointel search \"$words\""
autointel search "$words" --limit 3
