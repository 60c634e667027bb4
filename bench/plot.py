"""The plot of docs/benchmarks.md: horizontal bars over a logarithmic scale, as SVG."""
import math
from xml.sax.saxutils import escape

import reference

WIDTH, LEFT, RIGHT = 860, 250, 70
BAR, GAP, GROUP_GAP = 11, 2, 14
TOP, AXIS, PANEL_GAP = 64, 22, 40

# Series: key, title, colour on light and on dark ground.
SERIES = [
	("bulkhead", "Bulkhead", "#c2410c", "#fb923c"),
	("bare", "bare QEMU", "#374151", "#e5e7eb"),
	("Bao", "Bao", "#0e7490", "#22d3ee"),
	("KVM", "KVM + kvmtool", "#6d28d9", "#a78bfa"),
	("Xvisor", "Xvisor", "#4d7c0f", "#a3e635"),
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


def style():
	light = "".join(f"\t.{key} {{ fill: {on_light} }}\n" for key, _, on_light, _ in SERIES)
	dark = "".join(f"\t\t.{key} {{ fill: {on_dark} }}\n" for key, _, _, on_dark in SERIES)
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


def legend():
	x = LEFT
	for key, title, _, _ in SERIES:
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


def svg(results):
	panels = [
		Panel("instructions per operation, as the guest sees it",
			list(operation_groups(results)), 0, 4),
		Panel("the hypervisor's own instructions in a boot of one vCPU",
			list(boot_groups(results)), 4, 8),
	]
	height = TOP + sum(p.height() + PANEL_GAP for p in panels) - AXIS
	parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
		f' width="{WIDTH}" height="{height}" role="img" aria-label="Costs of operations in a VM">',
		style(), f'<text class="title" x="{LEFT}" y="22">What it costs (less is better)</text>',
		*legend()]
	top = TOP
	for panel in panels:
		parts += panel.draw(top)
		top += panel.height() + PANEL_GAP
	return "\n".join([*parts, "</svg>", ""])
