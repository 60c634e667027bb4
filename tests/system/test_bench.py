"""The benchmark kit gives a number for every operation, bare on QEMU and in a VM."""

import json
import subprocess

import guestlib


def test_quick():
    result = subprocess.run(
        [guestlib.ROOT / "bench" / "run", "--quick"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout
    numbers = json.loads((guestlib.BUILD / "bench" / "quick.json").read_text())
    assert numbers["bare"]["sbi_base"] > 0
    assert numbers["operations"]["default"]["sbi_base"] > 0
