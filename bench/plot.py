"""The plots of docs/benchmarks.md as SVG: horizontal bars over logarithmic scales, and where the
instructions of a boot go in a classic VM."""
import math
from xml.sax.saxutils import escape

import exits
import reference
import report

WIDTH, LEFT, RIGHT = 860, 250, 70
BAR, GAP, GROUP_GAP = 11, 2, 14
TOP, AXIS, PANEL_GAP = 64, 22, 40

# Series: key, title, colour on light and on dark ground.
SERIES = [
	("bulkhead", "Bulkhead", "#c2410c", "#fb923c"),
	("classic", "Bulkhead without H", "#be185d", "#f472b6"),
	("bare", "bare QEMU", "#374151", "#e5e7eb"),
	("Bao", "Bao", "#0e7490", "#22d3ee"),
	("KVM", "KVM + kvmtool", "#6d28d9", "#a78bfa"),
	("Xvisor", "Xvisor", "#4d7c0f", "#a3e635"),
]

# Who executes what is not the guest's: key, colour on light and on dark ground.
PLACES = [
	("firmware", "#6b7280", "#9ca3af"),
	("gate", "#0e7490", "#22d3ee"),
	("engine", "#c2410c", "#fb923c"),
	("core", "#6d28d9", "#a78bfa"),
	("devices", "#be185d", "#f472b6"),
	("host", "#4d7c0f", "#a3e635"),
	("library", "#a16207", "#facc15"),
]

STYLE = """
	text { font: 12px system-ui, sans-serif; fill: #1f2937 }
	.title { font-size: 15px; font-weight: 600 }
	.value, .tick { font-size: 10.5px; fill: #6b7280 }
	.own { font-weight: 700; fill: #1f2937 }
	.grid { stroke: #d1d5db; stroke-width: 1 }
"""
DARK = """
		text { fill: #e5e7eb }
		.value, .tick { fill: #9ca3af }
		.own { fill: #f9fafb }
		.grid { stroke: #374151 }
"""


def style(colours):
	"""Of (class, colour on light ground, on dark ground)."""
	light = "".join(f"\t.{key} {{ fill: {on_light} }}\n" for key, on_light, _ in colours)
	dark = "".join(f"\t\t.{key} {{ fill: {on_dark} }}\n" for key, _, on_dark in colours)
	return (f"<style>{STYLE}{light}\t@media (prefers-color-scheme: dark) {{{DARK}{dark}\t}}\n"
		"</style>")


def short(value):
	return f"{value / 1e6:.2g} M" if value >= 100_000 else str(value)


class Panel:
	"""Groups of bars on one axis from 10^first to 10^last."""

	def __init__(self, title, groups, first, last):
		self.title, self.groups, self.first, self.last = title, groups, first, last

	def x(self, value):
		share = (math.log10(max(value, 10 ** self.first)) - self.first) / (self.last - self.first)
		return LEFT + min(share, 1) * (WIDTH - LEFT - RIGHT)

	def height(self):
		bars = sum(len(values) * (BAR + GAP) + GROUP_GAP for _, values in self.groups)
		return AXIS + bars + AXIS

	def grid(self, top):
		bottom = top + self.height() - AXIS
		for power in range(self.first, self.last + 1):
			x = self.x(10 ** power)
			text = f"{10 ** power:,}".replace(",", " ")
			yield f'<line class="grid" x1="{x:.1f}" y1="{top + AXIS}" x2="{x:.1f}" y2="{bottom}"/>'
			yield f'<text class="tick" x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{text}</text>'

	def bars(self, values, y):
		for key, value in values:
			x = max(self.x(value), LEFT + 2)
			mark = "value own" if key == "bulkhead" else "value"
			yield (f'<rect class="{key}" x="{LEFT}" y="{y}" width="{x - LEFT:.1f}" height="{BAR}"'
				' rx="1.5"/>')
			yield f'<text class="{mark}" x="{x + 5:.1f}" y="{y + BAR - 1.5}">{short(value)}</text>'
			y += BAR + GAP

	def draw(self, top):
		yield f'<text x="{LEFT}" y="{top + 10}" class="tick">{escape(self.title)}</text>'
		yield from self.grid(top)
		y = top + AXIS + GROUP_GAP // 2
		for title, values in self.groups:
			tall = len(values) * (BAR + GAP)
			yield (f'<text x="{LEFT - 10}" y="{y + tall / 2 + 3:.1f}" text-anchor="end">'
				f'{escape(title)}</text>')
			yield from self.bars(values, y)
			y += tall + GROUP_GAP


def legend(entries):
	"""Of (class, title)."""
	x = LEFT
	for key, title in entries:
		yield f'<rect class="{key}" x="{x}" y="36" width="12" height="12" rx="2"/>'
		yield f'<text x="{x + 17}" y="46">{escape(title)}</text>'
		x += 34 + 7 * len(title)


def numbers(values):
	"""Only what can be drawn, in the order of the legend."""
	return [(key, values[key]) for key, *_ in SERIES if isinstance(values.get(key), int)]


def operation_groups(results):
	for key, (title, others, _) in reference.OPERATIONS.items():
		values = dict(zip(reference.COLUMNS, others), bare=results["bare"].get(key),
			bulkhead=results["operations"].get("default", {}).get(key))
		yield title, numbers(values)


def boot_groups(results):
	for n, (key, *_) in enumerate(reference.BOOTS):
		values = {"bulkhead": results["boots"].get(key, {}).get("own")}
		if n == 0:
			values.update(zip(reference.COLUMNS, reference.BOOT_PLOT))
		yield {"quiet": "Debian boot, quiet", "full": "Debian boot, full console"}[key], numbers(values)


def document(height, label, title, colours, titles, parts):
	head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
		f' width="{WIDTH}" height="{height}" role="img" aria-label="{label}">')
	return "\n".join([head, style(colours),
		f'<text class="title" x="{LEFT}" y="22">{escape(title)}</text>', *legend(titles), *parts,
		"</svg>", ""])


def panels_svg(label, panels):
	"""With the series that are in it."""
	height = TOP + sum(p.height() + PANEL_GAP for p in panels) - AXIS
	parts, top = [], TOP
	for panel in panels:
		parts += panel.draw(top)
		top += panel.height() + PANEL_GAP
	drawn = {key for p in panels for _, values in p.groups for key, _ in values}
	series = [entry for entry in SERIES if entry[0] in drawn]
	colours = [(key, light, dark) for key, _, light, dark in series]
	return document(height, label, "What it costs (less is better)", colours,
		[(key, title) for key, title, *_ in series], parts)


def svg(results):
	return panels_svg("Costs of operations in a VM", [
		Panel("instructions per operation, as the guest sees it",
			list(operation_groups(results)), 0, 4),
		Panel("the hypervisor's own instructions in a boot of one vCPU",
			list(boot_groups(results)), 4, 8),
	])


# --- disks and networks ---------------------------------------------------------------------

def device_groups(results):
	"""Of costs; rates are not drawn."""
	engines = results["devices"]
	bare = next(iter(engines.values()))["bare"]
	for name, (title, kvm, _) in reference.DEVICES.items():
		if name in reference.RATES:
			continue
		values = {"bare": bare.get(name), "KVM": kvm and kvm[0]}
		for key, engine in (("bulkhead", "hext"), ("classic", "classic")):
			values[key] = engines.get(engine, {}).get("vm", {}).get(name)
		yield title, numbers(values)


def devices_svg(results):
	return panels_svg("Costs of disks and networks in a VM", [
		Panel("instructions per request or round trip, the guest's own included",
			list(device_groups(results)), 4, 6),
	])


# --- where the instructions of a boot go ----------------------------------------------------

THICK = 15
SHARES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) # millions of instructions in a grid's step


class Stack:
	"""A firmware's exits by kind: a bar each, of who executed what, on a common linear axis."""

	def __init__(self, title, kinds, most):
		self.title, self.kinds, self.most = title, kinds, most
		self.step = next((s * 1_000_000 for s in SHARES if most <= 8 * s * 1_000_000), most)

	def x(self, instructions):
		return LEFT + instructions / self.most * (WIDTH - LEFT - 2 * RIGHT)

	def height(self):
		return 2 * AXIS + len(self.kinds) * (THICK + 5)

	def grid(self, top):
		bottom = top + self.height() - AXIS
		for at in range(0, self.most + 1, self.step):
			x = self.x(at)
			yield f'<line class="grid" x1="{x:.1f}" y1="{top + AXIS}" x2="{x:.1f}" y2="{bottom}"/>'
			yield (f'<text class="tick" x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">'
				f'{at / 1e6:g} M</text>')

	def bar(self, kind, y):
		done = 0
		for key, _, _ in PLACES:
			x, width = self.x(done), self.x(kind[key]) - LEFT
			done += kind[key]
			if width >= 0.1:
				yield (f'<rect class="{key}" x="{x:.1f}" y="{y}" width="{width:.1f}"'
					f' height="{THICK}"/>')
		count, each = (report.show(n) for n in (kind["count"], round(done / kind["count"])))
		yield (f'<text class="value" x="{self.x(done) + 5:.1f}" y="{y + THICK - 4}">'
			f'{done / 1e6:.1f} M, {count} x {each}</text>')

	def draw(self, top):
		yield f'<text x="{LEFT}" y="{top + 12}">{escape(self.title)}</text>'
		yield from self.grid(top)
		y = top + AXIS + 4
		for name, title in exits.KINDS:
			if name not in self.kinds:
				continue
			yield (f'<text x="{LEFT - 10}" y="{y + THICK - 4}" text-anchor="end">'
				f'{escape(title.replace("`", ""))}</text>')
			yield from self.bar(self.kinds[name], y)
			y += THICK + 5


def exits_svg(results):
	by_firmware = {report.firmware_title(results, key, title):
		results["classic"]["vm"].get(key, {}).get("exits") for key, title, *_ in reference.FIRMWARE}
	by_firmware = {title: kinds for title, kinds in by_firmware.items() if kinds}
	most = max((report.total(kind) for kinds in by_firmware.values() for kind in kinds.values()),
		default=1)
	parts, top = [], TOP
	for title, kinds in by_firmware.items():
		whole = sum(map(report.total, kinds.values()))
		stack = Stack(f"{title}: {whole / 1e6:.1f} M instructions outside the guest", kinds, most)
		parts += stack.draw(top)
		top += stack.height() + AXIS
	return document(top, "Instructions outside the guest in a boot, by kind of exit",
		"Where the instructions of a quiet boot go in a classic VM", PLACES, exits.PLACES, parts)
