#!/usr/bin/env bash
# Ours against llama.cpp on one machine: installs the peer from npm, makes the weights once, times both in turns.
#
#   bench/compare/llamacpp/run.sh [--cache DIR] [--parts LIST] [options]
#
#   --cache DIR        peer and weights (13 GB for both shapes); default $STOKER_COMPARE_CACHE, else ~/.cache/stoker-compare
#   --parts LIST       of cold,small,shapes (default all): cold start, story-3m, the two shapes in every class
# All parts:
#   --rounds N         default 5
#   --threads N        default: all CPUs
#   --kernel-set NAME  of ours; default: the best
# The part shapes:
#   --shapes LIST      llama-3.2-1b,qwen2.5-0.5b (default both), also tiny-llama, tiny-qwen2 for a trial
#   --classes LIST     of bf16,int8,fp8,fp4 (default all), against BF16, Q8_0, Q8_0, Q4_0
#   --prefill N        default 512
#   --steps N          decode steps of one timing at x1 (half of it in batches), default 24
#   --sequences LIST   default 1,8,16
#   --face engine      ours with scheduler and sampling, as a user has it; default stoker: the forward pass, as the peer's is
#
# Nothing else should run meanwhile. A quick look: --parts shapes --shapes qwen2.5-0.5b --classes bf16 --rounds 1
# Ends with one line for each shape and class: ratio SHAPE CLASS x1 R x8 R x16 R prefill R (above 1: ours is faster),
# before them one for the cold start, after them one for story-3m.
set -euo pipefail
package=@node-llama-cpp/linux-x64 version=3.22.1
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
cache=${STOKER_COMPARE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/stoker-compare}
parts=cold,small,shapes common=() shaped=()

die() { echo "run.sh: $*" >&2; exit 1; }
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit 0 ;;
    --*) [ -n "${2-}" ] || die "$1 needs a value" ;;&
    --cache) cache=$2 ;;
    --parts) parts=$2 ;;
    --rounds | --threads | --kernel-set) common+=("$1" "$2") ;;
    --shapes | --classes | --prefill | --steps | --sequences | --face) shaped+=("$1" "$2") ;;
    *) die "unknown option '$1'; see --help" ;;
  esac
  shift 2
done
IFS=, read -ra asked <<< "$parts"
[ ${#asked[@]} -gt 0 ] || die "--parts needs one or more of cold,small,shapes"
for part in "${asked[@]}"; do
  case $part in cold | small | shapes) ;; *) die "--parts must be of cold,small,shapes; '$part' is not" ;; esac
done

# 1. The peer, once.
[ "$(uname -sm)" = "Linux x86_64" ] || die "the peer's build is for Linux on x86-64; this is $(uname -sm)"
mkdir -p "$cache/peer" "$cache/models"
cache=$(cd "$cache" && pwd)
if ! grep -qs "\"version\": \"$version\"" "$cache/peer/node_modules/$package/package.json"; then
  command -v npm > /dev/null || die "npm is needed to install the peer ($package@$version); install Node.js 20 or later"
  [ -f "$cache/peer/package.json" ] || echo '{"private": true}' > "$cache/peer/package.json"
  (cd "$cache/peer" && npm install --ignore-scripts --no-audit --no-fund --no-progress "$package@$version") ||
    die "npm could not install $package@$version into $cache/peer: is its registry reachable?"
fi

# 2. Ours.
for project in bench/Stoker.Benchmarks src/Stoker.Server; do
  dotnet build -c Release -v q -nologo -clp:ErrorsOnly "$root/$project" > "$cache/build.log" || { cat "$cache/build.log"; die "$project does not build"; }
done
program=$root/artifacts/bin/Stoker.Benchmarks/release/Stoker.Benchmarks

# 3. Both in turns. The weights are written by the first bench that needs them.
echo "$(date -u +%Y-%m-%dT%H:%MZ), commit $(git -C "$root" rev-parse --short HEAD 2> /dev/null || echo unknown)," \
  "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) CPUs, $(uname -sr)"
output=$(mktemp)
trap 'rm -f "$output"' EXIT
bench() {
  local name=$1
  shift
  "$program" "$name" --peer "$cache/peer" --models "$cache/models" ${common[@]+"${common[@]}"} "$@" | tee -a "$output"
  echo
}
case ,$parts, in *,cold,*) bench cold ;; esac
case ,$parts, in *,shapes,*) bench compare ${shaped[@]+"${shaped[@]}"} ;; esac
case ,$parts, in *,small,*) bench small ;; esac
grep -E '^(cold|ratio) ' "$output"
