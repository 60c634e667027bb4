/* The words and sizes of the system description, and how its mistakes are reported. */
#ifndef VM_CONFIG_TEXT_H
#define VM_CONFIG_TEXT_H

#include "vm/config.h"

/* As the description has them; ANY stands there by being left out. */
extern const char *const config_engine_words[CONFIG_ENGINES];

/* Behind so many mistakes a last line says that there are more. */
#define CONFIG_MISTAKES_MAX 100
/* Enough for any size as config_size_text() writes it. */
#define CONFIG_SIZE_TEXT 24

struct config_report {
	config_error_fn *error;
	void *arg;
	unsigned count;
};

/*
 * Reports a mistake at @path, or at its property @property unless that is NULL. Both may come
 * from a hostile tree: what does not print is replaced, what is too long is cut.
 */
void config_report(struct config_report *report, const char *path, const char *property,
		   const char *fmt, ...) printf_like(4, 5);

/*
 * Reads a size: a whole number and K, M, G or T, as in "256M". False when @text is no such
 * thing; what does not fit in 64 bits becomes UINT64_MAX.
 */
bool config_size_parse(const char *text, u64 *bytes);

/* Writes a size as config_size_parse() reads it, in the largest unit that divides it; bytes
 * that fill no whole KiB stand alone. Returns @text. */
char *config_size_text(char text[CONFIG_SIZE_TEXT], u64 bytes);

#define CONFIG_MAC_TEXT 18
/* Reads an address as in "52:54:00:12:34:56", its digits in either case. False when @text is no
 * such thing; @mac is then as it was. */
bool config_mac_parse(const char *text, u8 mac[6]);
/* Writes it, in lower case. Returns @text. */
char *config_mac_text(char text[CONFIG_MAC_TEXT], const u8 mac[6]);

/* The word of @known that was probably meant by @word; NULL when none is near. */
const char *config_nearest(const char *word, const char *const *known, unsigned count);

#endif
