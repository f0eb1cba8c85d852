# A thin front to the CMake presets; see CMakePresets.json for what each one means.
.PHONY: all bench clean crash demo deps format format-check fuzz lab races test tidy

all:
	cmake --preset release
	cmake --build --preset release

deps:
	packaging/install-deps

demo: deps all
	KEEP=$(KEEP) /usr/bin/python3 tests/demo/demo.py

test: deps
	cmake --workflow --preset check

# make bench ONLY="start_ms wakeups" measures some, ONLY=--quick what no clock decides
bench: deps all
	cmake --build --preset release --target bench_programs
	/usr/bin/python3 tests/bench/bench.py $(ONLY)

SECONDS ?= 60
fuzz: deps
	tests/fuzz/run $(SECONDS)

# days of a building in seconds; see tests/lab/lab.h
DAYS ?= 30
SEED ?= 1
lab: deps
	cmake --preset proof
	cmake --build --preset proof --target lab_run
	build/proof/tests/lab/lab --models config/models --days $(DAYS) --seed $(SEED) $(LAB)

# power cuts, failing disks, failing memory, kills of the daemon; see tests/crash/run
CUTS ?= 5000
crash: deps
	cmake --preset proof
	cmake --build --preset proof
	tests/crash/run build/proof $(CUTS)

races: deps
	cmake --workflow --preset races

tidy: deps
	cmake --workflow --preset tidy

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

format-check:
	git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror

clean:
	rm -rf build
