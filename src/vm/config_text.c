#include "vm/config_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 160, MESSAGE_SIZE = 320, WORD_MAX = 40 };

const char *const config_engine_words[CONFIG_ENGINES] = {
	[CONFIG_ENGINE_ANY] = "any",
	[CONFIG_ENGINE_HEXT] = "hext",
	[CONFIG_ENGINE_CLASSIC] = "classic",
};

/* Replaces what would forge a second line or move the terminal's cursor. */
static void text_clean(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

void config_report(struct config_report *report, const char *path, const char *property,
		   const char *fmt, ...)
{
	char where[PATH_SIZE], message[MESSAGE_SIZE];
	va_list args;

	if (report->count > CONFIG_MISTAKES_MAX)
		return;
	if (report->count++ == CONFIG_MISTAKES_MAX) {
		report->error(report->arg, "", "there are more mistakes, which are not shown");
		return;
	}
	if (property)
		snprintf(where, sizeof(where), "%s/%s", path[1] ? path : "", property);
	else
		snprintf(where, sizeof(where), "%s", path);
	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	text_clean(where);
	text_clean(message);
	report->error(report->arg, where, message);
}

/* The bits that the unit shifts by; -1 for no unit. */
static int unit_shift(char unit)
{
	switch (unit) {
	case 'K': return 10;
	case 'M': return 20;
	case 'G': return 30;
	case 'T': return 40;
	default: return -1;
	}
}

bool config_size_parse(const char *text, u64 *bytes)
{
	const u64 limit = UINT64_MAX >> 4;
	u64 value = 0;
	int shift;

	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		value = value < limit / 10 ? value * 10 + (u64)(*text - '0') : limit;
	shift = unit_shift(*text);
	if (shift < 0 || text[1])
		return false;
	*bytes = value > UINT64_MAX >> shift ? UINT64_MAX : value << shift;
	return true;
}

char *config_size_text(char text[CONFIG_SIZE_TEXT], u64 bytes)
{
	static const char units[] = "TGMK";

	for (unsigned i = 0; units[i]; i++) {
		int shift = unit_shift(units[i]);

		if (bytes && !(bytes & (BIT(shift) - 1))) {
			snprintf(text, CONFIG_SIZE_TEXT, "%llu%c",
				 (unsigned long long)(bytes >> shift), units[i]);
			return text;
		}
	}
	snprintf(text, CONFIG_SIZE_TEXT, "%llu", (unsigned long long)bytes);
	return text;
}

static char char_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The value of a hexadecimal digit; -1 if it is none. */
static int digit_value(char c)
{
	c = char_lower(c);
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool config_mac_parse(const char *text, u8 mac[6])
{
	u8 bytes[6];

	if (strlen(text) != CONFIG_MAC_TEXT - 1)
		return false;
	for (unsigned i = 0; i < 6; i++, text += 3) {
		int high = digit_value(text[0]), low = digit_value(text[1]);

		if (high < 0 || low < 0 || text[2] != (i < 5 ? ':' : '\0'))
			return false;
		bytes[i] = (u8)(high << 4 | low);
	}
	memcpy(mac, bytes, sizeof(bytes));
	return true;
}

char *config_mac_text(char text[CONFIG_MAC_TEXT], const u8 mac[6])
{
	snprintf(text, CONFIG_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	return text;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

/*
 * How many letters must be changed, added, left out or swapped with their neighbour to make
 * @b of @a (optimal string alignment). Upper and lower case are the same; both words have at
 * most WORD_MAX letters.
 */
static unsigned word_distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1], *two = rows[0], *one = rows[1], *row = rows[2];
	unsigned n = (unsigned)strlen(b);

	for (unsigned j = 0; j <= n; j++)
		one[j] = two[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned *oldest = two;

		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			char x = char_lower(a[i - 1]), y = char_lower(b[j - 1]);

			row[j] = min3(one[j] + 1, row[j - 1] + 1, one[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == char_lower(b[j - 2]) &&
			    y == char_lower(a[i - 2]) && two[j - 2] + 1 < row[j])
				row[j] = two[j - 2] + 1;
		}
		two = one;
		one = row;
		row = oldest;
	}
	return one[n];
}

/* Whether one word begins or ends with the other, as "mem" and "memory", "args" and "bootargs". */
static bool word_part(const char *word, const char *known)
{
	size_t n = strlen(word), m = strlen(known);

	if (n < 3 || n > m)
		return false;
	return !memcmp(word, known, n) || !memcmp(word, known + m - n, n);
}

const char *config_nearest(const char *word, const char *const *known, unsigned count)
{
	const char *best = NULL;
	unsigned best_distance = WORD_MAX;
	size_t length = strnlen(word, WORD_MAX + 1);

	if (length > WORD_MAX || !length)
		return NULL;
	for (unsigned i = 0; i < count; i++) {
		size_t other = strnlen(known[i], WORD_MAX + 1);
		size_t longer = length > other ? length : other;
		unsigned distance;

		if (other > WORD_MAX)
			continue;
		distance = word_part(word, known[i]) ? 1 : word_distance(word, known[i]);
		if (distance < best_distance && distance <= (longer + 2) / 3) {
			best = known[i];
			best_distance = distance;
		}
	}
	return best;
}
