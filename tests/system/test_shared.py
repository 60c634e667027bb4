"""Shared memory and its doorbell between VMs."""

import pytest
from systemlib import each_engine, batch, guest

TEXT = """/dts-v1/;

/ {{
	compatible = "bulkhead,system";
	shared {{
		mailbox {{ size = "{size}"; }};
	}};
	vms {{
{vms}	}};
}};
"""

VM = """		{name} {{
			memory = "16M";
			kernel = "{kernel}";
			bootargs = "{args}";
			shared {{ memory = "mailbox"; {more}}};
		}};
"""


def description(directory, members, leader, readers=(), size="64K"):
	args = f"shared.members={members} shared.leader={leader}"
	args += f" shared.readers={sum(1 << n for n in readers)}"
	vms = "".join(
		VM.format(name=f"m{n}", kernel=guest("shared.elf"), args=args,
			  more="read-only; " if n in readers else "")
		for n in range(members))
	path = directory / "shared.dts"
	path.write_text(TEXT.format(size=size, vms=vms))
	return path


@each_engine
@pytest.mark.parametrize("members, leader, readers, size",
			 [(1, 0, (), "4K"), (2, 1, (), "64K"), (3, 0, (2,), "3M"),
			  (8, 7, (0, 3), "2M")])
def test_members(members, leader, readers, size, host, tmp_path):
	run = batch(description(tmp_path, members, leader, readers, size), *host)
	run.succeeded()
	run.has_not("FAIL")
	for n in range(members):
		run.has(rf"^\[m{n}\] done: \d+ ok, 0 failed")
