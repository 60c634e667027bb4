/* Completing a word from a list, and guessing which one was meant. */
#ifndef MANAGE_COMPLETE_H
#define MANAGE_COMPLETE_H

#include "lib/types.h"

/* The n-th word of a list, NULL at its end. */
typedef const char *complete_word_fn(unsigned n);

struct completion {
	unsigned count;    /* how many words begin like that */
	const char *first; /* one of them */
	size_t common;     /* the length of what all of them begin with */
};

struct completion complete_find(complete_word_fn *word, const char *start, size_t len);
bool complete_matches(const char *word, const char *start, size_t len);
/* The word of the list that is most like @typed; NULL when none is much like it. */
const char *complete_nearest(complete_word_fn *word, const char *typed);

#endif
