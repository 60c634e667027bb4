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


def test_devices_tables(tmp_path):
    """Earlier results become tables: what is within its goal, what is not, what is missing."""
    results = {
        "qemu": "?",
        "operations": {},
        "boots": {},
        "devices": {
            "hext": {
                "bare": {"disk_read_4k": 1000, "disk_read_64k": 1000},
                "vm": {"disk_read_4k": 1600, "disk_read_64k": 1201, "tcp_stream": 500},
            }
        },
    }
    earlier = tmp_path / "devices.json"
    earlier.write_text(json.dumps(results))
    output = subprocess.run(
        [guestlib.ROOT / "bench" / "run", "--from", earlier],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    met = {line[:24].strip(): line.split()[-1] for line in output.splitlines() if line}
    assert met["disk, read of 4 KiB"] == "yes"
    assert met["disk, read of 64 KiB"] == "no"
    assert met["disk, write of 64 KiB"] == "-"
    assert met["TCP stream to the server"] == "yes"
