"""What is measured, what the others cost (measured earlier with the same kit), and the goals."""

COLUMNS = ["Bao", "Xvisor", "KVM"]

# Variants of the VM in which the operations run: key, title, options of `bulkhead run`,
# more properties, harts.
VARIANTS = [
	("default", "as it comes", [], {}, 1),
	("plain", "light path off", ["--append", "hide=light"], {}, 1),
	("hlvx", "htinst hidden", ["--append", "hide=htinst"], {}, 1),
	("no_sstc", "Sstc hidden", ["--append", "hide=sstc"], {}, 1),
	("dedicated", "dedicated hart", [], {"harts": "<1>", "dedicated": ""}, 2),
]

# Operation of bench/guest/ops.c: title, cost in Bao, Xvisor and KVM (None: not measured; a text
# stands for itself), goals as (variant, at most).
OPERATIONS = {
	"sbi_base": ("SBI base call", (254, 752, 945), [("default", 110)]),
	"sbi_probe": ("SBI call answered by the core's handler", (None, None, None), [("default", 220)]),
	"set_timer": ("SBI set_timer", (256, 773, 1086), [("default", 130)]),
	"rfence_self": ("remote fence to self", (3829, 4597, 1903), [("default", 220)]),
	"ipi_self": ("IPI to self, call to handler", (3936, 2461, 1510), [("default", 220)]),
	"uart_read": ("UART register read", (None, 1092, 3599), [("default", 240), ("hlvx", 290)]),
	"plic_read": ("PLIC register read", (284, 1078, 3570), [("default", 240)]),
	"timer_after_wfi": ("timer after WFI, beyond the deadline", (None, 3582, 1050),
		[("default", 400)]),
	"first_touch": ("first touch of a page", (3, 15, "high"), [("default", 3)]),
}

# Further operations of the guest, without reference.
MORE_OPERATIONS = {
	"rfence_i_self": "remote FENCE.I to self",
	"uart_write": "UART register write",
	"timer_after_wfi_sbi": "timer after WFI, set by SBI call",
}

# Boots of Debian: key, title, kernel arguments, own instructions in Bao, Xvisor, KVM, goal.
BOOTS = [
	("quiet", "own instructions in a Debian boot, `quiet`", "console=ttyS0 quiet",
		("1.0 M (UART passed through)", "12.0 M", None), 800_000),
	("full", "own instructions in a Debian boot, full console", "console=ttyS0",
		(None, None, None), 6_000_000),
]
BOOT_PLOT = (1_000_000, 12_000_000, None)

# Sizes in bytes: key, title, Bao, Xvisor, KVM, goal.
SIZES = [
	("image", "hypervisor image", ("48 KiB", "767 KiB", None), 200 << 10),
	("memory", "memory besides guests' and the system image, 3 VMs", ("0.4 MiB", "17 MiB", None),
		2 << 20),
]
