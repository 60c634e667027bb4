#include "manage/complete.h"

#include <string.h>

enum { NEAREST_LENGTH = 31, NEAREST_DISTANCE = 2 };

bool complete_matches(const char *word, const char *start, size_t len)
{
	return strncmp(word, start, len) == 0;
}

static size_t common_length(const char *a, const char *b, size_t max)
{
	size_t n = 0;

	while (n < max && a[n] && a[n] == b[n])
		n++;
	return n;
}

struct completion complete_find(complete_word_fn *word, const char *start, size_t len)
{
	struct completion c = { 0, NULL, 0 };
	const char *w;

	for (unsigned i = 0; (w = word(i)); i++) {
		if (!complete_matches(w, start, len))
			continue;
		c.common = c.count++ ? common_length(c.first, w, c.common) : strlen(w);
		if (!c.first)
			c.first = w;
	}
	return c;
}

static unsigned least3(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Levenshtein's distance, a row of his table at a time; b is at most NEAREST_LENGTH long. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned row[NEAREST_LENGTH + 1];
	size_t len = strlen(b);

	for (unsigned j = 0; j <= len; j++)
		row[j] = j;
	for (unsigned i = 0; a[i]; i++) {
		unsigned diagonal = row[0];

		row[0] = i + 1;
		for (unsigned j = 0; j < len; j++) {
			unsigned above = row[j + 1];

			row[j + 1] = least3(above + 1, row[j] + 1, diagonal + (a[i] != b[j]));
			diagonal = above;
		}
	}
	return row[len];
}

const char *complete_nearest(complete_word_fn *word, const char *typed)
{
	const char *best = NULL, *w;
	size_t len = strlen(typed);
	unsigned least = NEAREST_DISTANCE + 1;

	if (!len || len > NEAREST_LENGTH)
		return NULL;
	for (unsigned i = 0; (w = word(i)); i++) {
		/* The beginning of a word is as good as one wrong letter. */
		unsigned d = complete_matches(w, typed, len) ? 1 : edit_distance(w, typed);

		if (d < least && d < strlen(w)) {
			least = d;
			best = w;
		}
	}
	return best;
}
