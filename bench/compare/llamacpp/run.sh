#!/usr/bin/env bash
# Ours against llama.cpp on one machine: installs the peer from npm, makes the weights once, times both in turns.
#
#   bench/compare/llamacpp/run.sh [--cache DIR] [options of the compare bench]
#
#   --cache DIR        peer and weights (17 GB for both shapes); default $STOKER_COMPARE_CACHE, else ~/.cache/stoker-compare
#   --shapes LIST      llama-3.2-1b,qwen2.5-0.5b (default both), also tiny-llama, tiny-qwen2 for a trial
#   --classes LIST     of bf16,int8,fp8,fp4 (default all)
#   --rounds N         default 5        --threads N     default: all CPUs
#   --prefill N        default 512      --steps N       decode steps of one timing at x1 (half of it in batches), default 24
#   --sequences LIST   default 1,8,16   --kernel-set NAME
#
# Ends with one line for each shape and class: ratio SHAPE CLASS x1 R x8 R x16 R prefill R (above 1: ours is faster).
set -euo pipefail
package=@node-llama-cpp/linux-x64 version=3.22.1
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
cache=${STOKER_COMPARE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/stoker-compare}
options=()
while [ $# -gt 0 ]; do
  case $1 in
    --cache) cache=${2:?"--cache needs a folder"}; shift 2 ;;
    --help | -h) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) options+=("$1"); shift ;;
  esac
done

die() { echo "run.sh: $*" >&2; exit 1; }
[ "$(uname -sm)" = "Linux x86_64" ] || die "the peer's build is for Linux on x86-64; this is $(uname -sm)"
mkdir -p "$cache/peer" "$cache/models"
cache=$(cd "$cache" && pwd)

if ! grep -qs "\"version\": \"$version\"" "$cache/peer/node_modules/$package/package.json"; then
  command -v npm > /dev/null || die "npm is needed to install the peer ($package@$version); install Node.js 20 or later"
  [ -f "$cache/peer/package.json" ] || echo '{"private": true}' > "$cache/peer/package.json"
  (cd "$cache/peer" && npm install --ignore-scripts --no-audit --no-fund --no-progress "$package@$version") ||
    die "npm could not install $package@$version into $cache/peer: is its registry reachable?"
fi

dotnet build -c Release -v q -nologo -clp:ErrorsOnly "$root/bench/Stoker.Benchmarks" || die "the bench does not build"
program=$root/artifacts/bin/Stoker.Benchmarks/release/Stoker.Benchmarks

echo "$(date -u +%Y-%m-%dT%H:%MZ), commit $(git -C "$root" rev-parse --short HEAD 2> /dev/null || echo unknown)," \
  "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) CPUs, $(uname -sr)"
exec "$program" compare --peer "$cache/peer" --models "$cache/models" ${options[@]+"${options[@]}"}
