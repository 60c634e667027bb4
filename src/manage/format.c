#include "manage/format.h"

#include <stdio.h>
#include <string.h>

const char *format_size(char *buf, u64 bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned shift = 10, unit = 0;
	u64 tenths;

	if (bytes < KIB) {
		snprintf(buf, FORMAT_MAX, "%lu bytes", (unsigned long)bytes);
		return buf;
	}
	while (unit + 1 < ARRAY_SIZE(units) && bytes >> (shift + 10)) {
		shift += 10;
		unit++;
	}
	tenths = ((bytes >> (shift - 10) & 0x3ff) * 10) >> 10;
	if (tenths)
		snprintf(buf, FORMAT_MAX, "%lu.%lu %s", (unsigned long)(bytes >> shift),
			 (unsigned long)tenths, units[unit]);
	else
		snprintf(buf, FORMAT_MAX, "%lu %s", (unsigned long)(bytes >> shift), units[unit]);
	return buf;
}

/* Adds one run of harts; false when it does not fit with "..." after it. */
static bool format_run(char *buf, unsigned first, unsigned last)
{
	size_t used = strlen(buf);
	char run[12];

	if (first == last)
		snprintf(run, sizeof(run), "%s%u", used ? "," : "", first % 64);
	else
		snprintf(run, sizeof(run), "%s%u-%u", used ? "," : "", first % 64, last % 64);
	if (used + strlen(run) + sizeof(",...") > FORMAT_MAX) {
		snprintf(buf + used, FORMAT_MAX - used, ",...");
		return false;
	}
	snprintf(buf + used, FORMAT_MAX - used, "%s", run);
	return true;
}

const char *format_harts(char *buf, u64 mask)
{
	if (!mask) {
		snprintf(buf, FORMAT_MAX, "any");
		return buf;
	}
	buf[0] = '\0';
	for (unsigned i = 0; i < 64; i++) {
		unsigned first = i;

		if (!(mask >> i & 1))
			continue;
		while (i + 1 < 64 && (mask >> (i + 1) & 1))
			i++;
		if (!format_run(buf, first, i))
			break;
	}
	return buf;
}

const char *format_duration(char *buf, u64 seconds)
{
	unsigned long days = seconds / 86400, rest = seconds % 86400;
	int n = 0;

	if (days)
		n = snprintf(buf, FORMAT_MAX, "%lu day%s ", days, days == 1 ? "" : "s");
	snprintf(buf + n, FORMAT_MAX - (size_t)n, "%lu:%02lu:%02lu", rest / 3600, rest / 60 % 60,
		 rest % 60);
	return buf;
}
