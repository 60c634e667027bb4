"""Results as tables: on the terminal and in docs/benchmarks.md."""
import re

import exits
import reference

VARIANT_TITLES = {key: title for key, title, *_ in reference.VARIANTS}


def show(value):
	"""A cell of a table."""
	if value is None:
		return "-"
	return f"{value:,}".replace(",", " ") if isinstance(value, int) else str(value)


def millions(value):
	return None if value is None else f"{value / 1e6:.2f} M"


def size(value):
	if value is None:
		return None
	return f"{value / 1024:.0f} KiB" if value < 1 << 20 else f"{value / (1 << 20):.2f} MiB"


def met(value, goal):
	if value is None:
		return "-"
	return "yes" if value <= goal else "**no**"


def operation_rows(results):
	for key, (title, others, goals) in reference.OPERATIONS.items():
		for variant, goal in goals:
			value = results["operations"].get(variant, {}).get(key)
			note = "" if variant == "default" else f", {VARIANT_TITLES[variant]}"
			yield [title + note, show(results["bare"].get(key)), *map(show, others),
				f"<= {goal}", show(value), met(value, goal)]


def boot_rows(results):
	for key, title, _, others, goal in reference.BOOTS:
		own = results["boots"].get(key, {}).get("own")
		yield [title, "-", *map(show, others), f"<= {goal / 1e6:g} M", show(millions(own)),
			met(own, goal)]


def size_rows(results):
	for key, title, others, goal in reference.SIZES:
		value = results["sizes"].get(key)
		yield [title, "-", *map(show, others), "<= " + size(goal), show(size(value)),
			met(value, goal)]


def main_table(results):
	head = ["operation", "bare QEMU", *reference.COLUMNS, "goal", "Bulkhead", "met"]
	return [head, *operation_rows(results), *boot_rows(results), *size_rows(results)]


def variant_table(results):
	"""Every operation in every variant."""
	titles = {key: entry[0] for key, entry in reference.OPERATIONS.items()}
	titles.update(reference.MORE_OPERATIONS)
	measured = [v for v in VARIANT_TITLES if v in results["operations"]]
	table = [["operation", "bare QEMU", *(VARIANT_TITLES[v] for v in measured)]]
	for key, title in titles.items():
		table.append([title, show(results["bare"].get(key)),
			*(show(results["operations"][v].get(key)) for v in measured)])
	return table


def boot_table(results):
	table = [["Debian boot, entry to userspace", "bare QEMU", "in a VM", "times", "own"]]
	for key, boot in results["boots"].items():
		bare, vm = boot.get("bare"), boot.get("vm")
		ratio = f"{vm / bare:.4f}" if bare and vm else "-"
		table.append([key, show(millions(bare)), show(millions(vm)), ratio,
			show(millions(boot.get("own")))])
	return table


# --- disks and networks ------------------------------------------------------------------

def times_bare(devices, name):
	"""A cost as a multiple of bare; a rate has none."""
	bare, value = devices["bare"].get(name), devices["vm"].get(name)
	return None if name in reference.RATES or value is None or not bare else value / bare


def show_kvm(kvm):
	"""With how many times bare it was."""
	return f"{show(kvm[0])} ({kvm[1]})" if isinstance(kvm, tuple) else show(kvm)


def device_goal(devices, name, goal):
	"""The cells of a goal, and of whether it is met."""
	if goal is None:
		return ["-", "-"]
	if name not in reference.RATES:
		return [f"<= {goal:g} times", met(times_bare(devices, name), goal)]
	value = devices["vm"].get(name)
	return [f">= {goal}", "-" if value is None else "yes" if value >= goal else "**no**"]


def device_table(results, engine, with_goals):
	devices = results["devices"][engine]
	table = [[f"disks and networks, {engine}", "bare QEMU", *["KVM", "goal"] * with_goals, "Bulkhead",
		"times bare", *["met"] * with_goals]]
	for name, (title, kvm, goal) in reference.DEVICES.items():
		times = times_bare(devices, name)
		wanted, is_met = device_goal(devices, name, goal)
		table.append([title, show(devices["bare"].get(name)),
			*[show_kvm(kvm), wanted] * with_goals, show(devices["vm"].get(name)),
			"-" if times is None else f"{times:.2f}", *[is_met] * with_goals])
	return table


def device_tables(results):
	"""For each engine that was measured, in order."""
	return [device_table(results, engine, with_goals) for engine, with_goals in reference.ENGINES
		if engine in results.get("devices", {})]


# --- the classic engine -----------------------------------------------------------------

def firmware_title(results, key, title):
	version = results["classic"]["versions"].get(key)
	return f"OpenSBI {version}" if version else title


def classic_value(classic, key, source, name, how):
	"""What a goal is compared with: a cost, what was added, or a ratio; None if not measured."""
	value = classic["vm"].get(key, {}).get(source, {}).get(name)
	bare = classic["bare"][source].get(name)
	if how == "cost" or value is None:
		return value
	if bare is None:
		return None
	return value - bare if how == "added" else value / bare


def show_as(value, how):
	return f"{value:.3f}" if how == "times" and value is not None else show(value)


def show_goal(goal, how):
	return "-" if goal is None else f"<= {goal if how == 'times' else show(goal)}"


def all_met(pairs):
	"""Of (value, goal)."""
	pairs = [(value, goal) for value, goal in pairs if goal is not None]
	if not pairs or any(value is None for value, _ in pairs):
		return "-"
	return "yes" if all(value <= goal for value, goal in pairs) else "**no**"


def classic_rows(results):
	classic = results["classic"]
	for source, name, title, how, goal, own_goal in reference.CLASSIC:
		if not classic["bare"][source]:
			continue
		bare = classic["bare"][source].get(name)
		row = [title, show(millions(bare) if source == "boots" else bare), show_goal(goal, how)]
		pairs = []
		for key, _, _, own in reference.FIRMWARE:
			value = classic_value(classic, key, source, name, how)
			pairs.append((value, own_goal if own else goal))
			row += [show_goal(own_goal, how)] * own + [show_as(value, how)]
		yield row + [all_met(pairs)]


def classic_table(results):
	head = ["in a classic VM", "bare QEMU", "goal"]
	for key, title, _, own in reference.FIRMWARE:
		head += ["goal"] * own + [firmware_title(results, key, title)]
	return [[*head, "met"], *classic_rows(results)]


def total(kind):
	"""Instructions of all exits of a kind."""
	return sum(kind[place] for place, _ in exits.PLACES)


def exits_row(title, kind):
	return [title, show(kind["count"]), show(round(total(kind) / kind["count"])),
		*(show(millions(kind[place] or None)) for place, _ in exits.PLACES), show(millions(total(kind)))]


def exits_tables(results):
	"""For each firmware, where the instructions of a boot went that were not the guest's."""
	for key, title, *_ in reference.FIRMWARE:
		kinds = results["classic"]["vm"].get(key, {}).get("exits")
		if not kinds:
			continue
		head = [f"{firmware_title(results, key, title)}: exit", "exits", "per exit",
			*(place for _, place in exits.PLACES), "in all"]
		rows = [exits_row(title, kinds[kind]) for kind, title in exits.KINDS if kind in kinds]
		fields = ["count", *exits.KEYS]
		everything = {field: sum(kind[field] for kind in kinds.values()) for field in fields}
		yield [head, *rows, exits_row("all", everything)]


# --- as text ----------------------------------------------------------------------------

def markdown(table):
	rule = ["---"] + ["---:"] * (len(table[0]) - 1)
	return "\n".join("| " + " | ".join(row) + " |" for row in [table[0], rule, *table[1:]])


def terminal(table):
	"""The table in columns: the first to the left, the others to the right."""
	rows = [[cell.replace("**", "").replace("`", "") for cell in row] for row in table]
	widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
	lines = []
	for row in rows:
		right = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))
		lines.append("  ".join([row[0].ljust(widths[0]), *right]).rstrip())
	lines.insert(1, "-" * max(map(len, lines)))
	return "\n".join(lines)


def measured_with(results):
	parts = [f"QEMU {results['qemu']}"]
	if results["operations"]:
		parts.append(f"OpenSBI {results['firmware']}")
	if results.get("kernel"):
		parts.append(f"Debian's {results['kernel']}")
	return ", ".join(parts)


def replace_block(text, name, content):
	"""Replaces what stands between the marks of that name."""
	begin, end = f"<!-- {name}: generated by bench/run -->", f"<!-- {name}: end -->"
	pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.S)
	if not pattern.search(text):
		raise ValueError(f"there is no place for '{name}': add the lines {begin} and {end}")
	return pattern.sub(lambda _: f"{begin}\n{content}\n{end}", text)


def update_page(text, results):
	"""docs/benchmarks.md with the results in its marked places."""
	blocks = {}
	if results["operations"]:
		blocks["table"] = (f"{markdown(main_table(results))}\n\n"
			f"Measured with {measured_with(results)}.")
		blocks["variants"] = markdown(variant_table(results))
		blocks["boots"] = markdown(boot_table(results))
	for engine, with_goals in reference.ENGINES:
		if engine in results.get("devices", {}):
			blocks[f"devices, {engine}"] = markdown(device_table(results, engine, with_goals))
	if results.get("classic"):
		blocks["classic"] = markdown(classic_table(results))
		blocks["exits"] = "\n\n".join(map(markdown, exits_tables(results)))
	for name, content in blocks.items():
		text = replace_block(text, name, content)
	return text
