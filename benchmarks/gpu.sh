#!/usr/bin/env bash
# All that is worth knowing of a GPU that is at hand for minutes, the most valuable first:
#   environment, tests (with parity beside them), throughput of n, a profile, throughput of s, latency of eight variants
#   (PyTorch, ONNX Runtime, TensorRT, torch.compile; each left out where its package is missing), a sweep of eight
#   variants, throughput of m.
#
#     bash benchmarks/gpu.sh                                   # 8 minutes at most
#     bash benchmarks/gpu.sh --only throughput_n,profile       # some of it
#     bash benchmarks/gpu.sh --device cpu --tiny               # try the script itself
#     bash benchmarks/gpu.sh --data data.yaml --repeat 8       # throughput on photographs instead of drawn pictures
#
# Needs no network. Each step has a time limit and fails alone; its result is on disk when it ends. Results go to $OUT,
# or to benchmarks/results/gpu; the python is $PYTHON, or .venv's, or python3. Exit code 1: some step failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
root=$PWD

device=cuda budget=470 tiny='' only='' data='' repeat=6
while [ $# -gt 0 ]; do
	case $1 in
	--device) device=$2 && shift 2 ;;
	--budget) budget=$2 && shift 2 ;;
	--only) only=$2 && shift 2 ;;
	--data) data=$(realpath "$2") && shift 2 ;;
	--repeat) repeat=$2 && shift 2 ;;
	--tiny) tiny=1 && shift ;;
	*) echo "gpu.sh: unknown word $1" >&2 && exit 2 ;;
	esac
done

out=${OUT:-$root/benchmarks/results/gpu}
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 1
python=${PYTHON:-}
[ -n "$python" ] || { [ -x .venv/bin/python ] && python=$root/.venv/bin/python || python=python3; }
case $python in */*) python=$(cd "$(dirname "$python")" && pwd)/$(basename "$python") ;; esac
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
export PYTHONPATH="$root/src${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 YOLO_OFFLINE=true MPLBACKEND=Agg
export YOLO_CONFIG_DIR="$work/settings" YOLOGRAFT_CACHE="$work/cache"
mkdir -p "$YOLO_CONFIG_DIR"
: >"$out/summary.txt"

say() { echo "$*" | tee -a "$out/summary.txt"; }

# step NAME SECONDS FILE COMMAND…: run a command with its output in FILE, unless the time is up or --only leaves it out.
step() {
	local name=$1 limit=$2 file=$out/$3 began=$SECONDS code left
	shift 3
	case ",$only," in ,, | *",$name,"*) ;; *) return 0 ;; esac
	left=$((budget - SECONDS))
	[ "$limit" -le "$left" ] || limit=$left
	if [ "$limit" -lt 15 ]; then
		say "$name: left out, the time is up"
		return 1
	fi
	timeout -k 5 "$limit" "$@" >>"$file" 2>&1
	code=$?
	[ $code -ne 124 ] || echo "stopped after $limit s" >>"$file"
	say "$name: exit $code after $((SECONDS - began)) s ($SECONDS s in all)"
	return $code
}

failed=0
rm -f "$out"/{environment.json,tests.txt,parity.txt,throughput.txt,throughput.json,sweep.txt,profile.txt,latency.txt}

step environment 60 environment.json "$python" benchmarks/environment.py || failed=1

# The tests and the parity measure no time: side by side.
if [ -n "$tiny" ]; then
	tests_at_a_time=2 parity=(--images 64 --epochs 2 --batch 16 --imgsz 64 --optimizer SGD)
else
	tests_at_a_time=8 parity=()
fi
accelerator=0 && [ "$device" = cuda ] || accelerator=$device
tests() {
	OMP_NUM_THREADS=1 YOLOGRAFT_GPU_TESTS_ON=$device step tests "$1" tests.txt \
		"$python" -m pytest -m gpu -n "$tests_at_a_time" -p no:cacheprovider --durations=15 tests/gpu
}
parities() {
	step parity_fp32 "$1" parity.txt "$python" benchmarks/parity.py --device "$accelerator" "${parity[@]}" || return 1
	[ "$device" = cpu ] && return 0
	step parity_amp "$1" parity.txt "$python" benchmarks/parity.py --device "$accelerator" --amp --epochs 10 "${parity[@]}" # the first steps are skipped
}
if [ "$device" = cpu ]; then
	tests 900 || failed=1
	parities 300 || failed=1
else
	tests 140 &
	first=$!
	parities 70 &
	second=$!
	wait $first || failed=1
	wait $second || failed=1
fi

# pictures: what throughput and profile train on
if [ -n "$data" ]; then pictures=(--data "$data" --repeat "$repeat"); else pictures=(--images 1024); fi
if [ -n "$tiny" ]; then
	shape=(--imgsz 64 --batch 4 --epochs 2 --workers 1) pictures=(--images 12)
else
	shape=(--imgsz 640 --batch 64)
fi
throughput() { # SCALE SECONDS PAIRS
	step "throughput_$1" "$2" throughput.txt "$python" benchmarks/throughput.py --device "$accelerator" \
		--scales "$1" --pairs "$3" "${pictures[@]}" "${shape[@]}" --stock cache=ram --budget $(($2 - 10)) --out "$work/throughput-$1.json"
	local code=$?
	cat "$work"/throughput-*.json >"$out/throughput.json" 2>/dev/null # one JSON document for each scale
	return $code
}
throughput n 150 2 || failed=1
[ "$device" = cpu ] || step cuda_graph 50 throughput.txt "$python" benchmarks/throughput.py --device "$accelerator" \
	"${pictures[@]}" "${shape[@]}" --pairs 1 --budget 40 --stock cache=ram --ours trainer.cuda_graph=true || failed=1
sweep() {
	local more=(epochs=8 trainer.precision=auto hydra.launcher.jobs_per_gpu=4)
	[ "$device" != cpu ] || more=(hydra.launcher.n_jobs=2)
	[ -z "$tiny" ] || more+=(epochs=1 dataset.train=16 dataset.val=4 imgsz=64)
	cd "$work" || return 1
	echo "\$ yolograft train experiments=demo hydra/launcher=joblib ${more[*]}"
	local began=$SECONDS code
	"$python" -m yolograft train experiments=demo name=eight device="${device/cuda/auto}" hydra/launcher=joblib "${more[@]}"
	code=$?
	echo "exit $code after $((SECONDS - began)) s"
	return $code
}
export -f sweep
export python work device tiny
if [ -n "$tiny" ]; then sweep_limit=400; else sweep_limit=120; fi

if [ -n "$tiny" ]; then
	profiled=(imgsz=64 batch=4 dataset.train=16 dataset.val=4)
else
	profiled=(imgsz=640 batch=64 dataset.train=768 dataset.val=16 dataset.size=160)
fi
step profile 100 profile.txt "$python" benchmarks/profile_epoch.py --out "$work/profile.txt" "${profiled[@]}" \
	device="$accelerator" || failed=1
[ ! -f "$work/profile.txt" ] || cat "$work/profile.txt" >>"$out/profile.txt"

latency() { # SECONDS: each format has an equal share of what is left; a bench that is interrupted keeps its rounds so far
	local format module more=(imgsz=640 rounds=100 memory=false) code=0 left=4 end=$((SECONDS + $1 - 10))
	[ -z "$tiny" ] || more=(imgsz=64 rounds=6 warmup=1 memory=false loaded=true)
	for format in pytorch onnx engine compile; do # the slowest to prepare last
		case $format in onnx) module=onnxruntime ;; engine) module=tensorrt ;; *) module=torch ;; esac
		local share=$(((end - SECONDS) / left))
		left=$((left - 1))
		if ! "$python" -c "import importlib.util as u, sys; sys.exit(not u.find_spec('$module'))"; then
			echo "$format: $module is not installed: left out"
			continue
		fi
		if [ $format = engine ] && [ "$device" = cpu ]; then
			echo "engine: runs on a GPU only: left out"
			continue
		fi
		if [ $format = onnx ] && [ "$device" = cuda ] &&
			! "$python" -c "import onnxruntime as o, sys; sys.exit('CUDAExecutionProvider' not in o.get_available_providers())"; then
			echo "onnx: this ONNX Runtime has no CUDA, onnxruntime-gpu has: left out"
			continue
		fi
		timeout -s INT -k 5 "$share" "$python" -m yolograft bench -m backbone=yolo11,effv1,effv2,mbv3 \
			neck=conv,gsconv device="$accelerator" formats=$format out="$out/latency" "${more[@]}" 2>&1 || {
			echo "$format: exit $?"
			code=1
		}
	done
	return $code
}
export -f latency
export out accelerator

[ -n "$tiny" ] || throughput s 75 1 || failed=1
latency_limit=$sweep_limit
[ -z "$tiny" ] || latency_limit=900
[ "$only" != latency ] || latency_limit=$budget # engines and compiled graphs of eight variants take minutes
[ "$latency_limit" -le $((budget - SECONDS)) ] || latency_limit=$((budget - SECONDS))
step latency "$latency_limit" latency.txt bash -c "latency $latency_limit" || failed=1
step sweep "$sweep_limit" sweep.txt bash -c sweep || failed=1
[ -n "$tiny" ] || throughput m 75 1 || failed=1

say "all: $SECONDS s"
for file in tests.txt parity.txt throughput.txt latency.txt; do
	[ ! -f "$out/$file" ] || { echo "== $file" && tail -n 25 "$out/$file"; } >>"$out/summary.txt"
done
cat "$out/summary.txt"
exit $failed
