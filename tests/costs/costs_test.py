"""Compares instructions per question with the baseline.

    costs_test.py ENGINE_COSTS BASELINE [--update]

Fails if a scenario takes more than the tolerance more than its baseline. Takes much less? Then the
baseline is stale: a later regression would hide below it, so that fails too.
"""
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

TOLERANCE = 0.05  # The graph's hash seed is random: some tenths of a per cent.

# libc picks its string functions by the processor; here all processors get the same ones. Names that
# a libc does not know are ignored.
TUNABLES = "glibc.cpu.hwcaps=" + ",".join("-" + feature for feature in (
    "AVX2", "AVX2_Usable", "AVX512F", "AVX512VL", "AVX512BW", "EVEX", "ERMS", "FSRM", "RTM", "SSSE3",
    "Fast_Unaligned_Copy", "Prefer_No_VZEROUPPER"))


def instructions_per_question(program, scenario):
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory) / "callgrind.out"
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--collect-atstart=no",
             "--toggle-collect=*World::Measured(*", program, scenario],
            check=True, capture_output=True, text=True,
            env={**os.environ, "GLIBC_TUNABLES": TUNABLES})
        total = int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.M).group(1))
    assert total > 0, "nothing was counted: is Measured() still there?"
    return total / int(done.stdout.split()[-1])


def main():
    program, baseline_path = sys.argv[1], pathlib.Path(sys.argv[2])
    if shutil.which("valgrind") is None:
        print("SKIP: valgrind is not installed")
        return 0
    if platform.machine() != "x86_64":
        print("SKIP: the baseline is of x86-64")
        return 0
    names = subprocess.run([program, "--names"], check=True, capture_output=True, text=True).stdout
    got = {name: round(instructions_per_question(program, name), 1) for name in names.split()}
    if sys.argv[3:] == ["--update"]:
        baseline_path.write_text(json.dumps(got, indent=2) + "\n")
        print(baseline_path.read_text(), end="")
        return 0
    wanted = json.loads(baseline_path.read_text())
    failed = set(got) != set(wanted)
    for name in sorted(set(got) | set(wanted)):
        if name not in got or name not in wanted:
            print(f"{name}: only in {'the program' if name in got else 'the baseline'}")
            continue
        change = got[name] / wanted[name] - 1
        off = abs(change) > TOLERANCE
        failed = failed or off
        print(f"{name}: {got[name]} instructions, baseline {wanted[name]}, {change:+.1%}"
              f"{'  <-- beyond the tolerance' if off else ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
