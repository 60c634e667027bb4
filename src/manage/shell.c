#include "manage/shell.h"

#include <string.h>

#include "manage/command.h"
#include "vm/vm.h"

#define PROMPT "bulkhead> "
#define PROMPT_CONFIRM "All VMs end and the machine powers off. Sure? [y/N] "

void shell_enter(struct shell *sh)
{
	sh->edit.term = sh->term;
	if (sh->confirming || !sh->edit.prompt)
		edit_clear(&sh->edit, PROMPT);
	sh->confirming = false;
	edit_redraw(&sh->edit);
}

void shell_hide(struct shell *sh)
{
	edit_hide(&sh->edit);
}

void shell_show(struct shell *sh)
{
	edit_redraw(&sh->edit);
}

/* ---- Finding what a word means */

/* The list's number, 1.., as the console's keys have it. */
static struct vm *vm_by_number(const char *word)
{
	unsigned n = 0;

	for (; *word; word++) {
		if (*word < '0' || *word > '9' || n > CONFIG_VMS_MAX)
			return NULL;
		n = n * 10 + (unsigned)(*word - '0');
	}
	return n >= 1 && n <= vm_count ? vm_table[n - 1] : NULL;
}

static struct vm *vm_by_word(const char *word)
{
	struct vm *vm = vm_find(word);

	return vm ? vm : vm_by_number(word);
}

static void say_no_vm(struct term *t, const char *word)
{
	if (!vm_count) {
		term_puts(t, "There are no VMs.\r\n");
		return;
	}
	term_printf(t, "No VM '%s'; there are: ", word);
	for (unsigned i = 0; i < vm_count; i++)
		term_printf(t, "%s%s", i ? ", " : "", vm_table[i]->config.name);
	term_puts(t, ".\r\n");
}

static void say_no_command(struct term *t, const char *word)
{
	const char *meant = complete_nearest(command_name, word);

	term_printf(t, "No command '%s'", word);
	if (meant)
		term_printf(t, "; did you mean '%s'?\r\n", meant);
	else
		term_puts(t, "; 'help' lists them all.\r\n");
}

/* ---- Running a line */

/* Cuts the line at blanks; returns the number of words, or -1 when there are too many. */
static int split_words(char *line, char **words)
{
	int n = 0;

	for (char *p = line; *p;) {
		while (*p == ' ')
			*p++ = '\0';
		if (!*p)
			break;
		if (n == COMMAND_WORDS_MAX)
			return -1;
		words[n++] = p;
		while (*p && *p != ' ')
			p++;
	}
	return n;
}

static void run_for_vms(struct shell *sh, const struct command *c, char **words, int n)
{
	/* All or nothing: a misspelt name must not leave half of the work done. */
	for (int i = 0; i < n; i++) {
		if (!vm_by_word(words[i])) {
			say_no_vm(sh->term, words[i]);
			return;
		}
	}
	for (int i = 0; i < n; i++)
		c->run(sh, c, vm_by_word(words[i]), NULL);
}

static bool words_fit(const struct command *c, int n)
{
	switch (c->words) {
	case WORDS_NONE: return n == 0;
	case WORDS_VM: return n == 1;
	case WORDS_VMS: return n >= 1;
	case WORDS_COMMAND: return n <= 1;
	}
	return false;
}

static void say_misfit(struct term *t, const struct command *c)
{
	static const char *const wants[] = {
		[WORDS_NONE] = "takes nothing after it",
		[WORDS_VM] = "needs one VM's name",
		[WORDS_VMS] = "needs the names of one or more VMs",
		[WORDS_COMMAND] = "takes one command's name at most",
	};

	term_printf(t, "'%s' %s.\r\n", c->name, wants[c->words]);
}

static void run_words(struct shell *sh, char **words, int n)
{
	const struct command *c = command_find(words[0]);

	if (!c)
		say_no_command(sh->term, words[0]);
	else if (!words_fit(c, n - 1))
		say_misfit(sh->term, c);
	else if (c->words == WORDS_VM || c->words == WORDS_VMS)
		run_for_vms(sh, c, words + 1, n - 1);
	else
		c->run(sh, c, NULL, n > 1 ? words[1] : NULL);
}

static void run_line(struct shell *sh)
{
	char *words[COMMAND_WORDS_MAX];
	int n;

	edit_remember(&sh->edit);
	n = split_words(sh->edit.line, words);
	if (n < 0)
		term_printf(sh->term, "At most %d words.\r\n", COMMAND_WORDS_MAX);
	else if (n > 0)
		run_words(sh, words, n);
}

static void run_confirmed(struct shell *sh)
{
	bool yes = strcmp(sh->edit.line, "y") == 0 || strcmp(sh->edit.line, "yes") == 0;

	sh->confirming = false;
	if (!yes) {
		term_puts(sh->term, "Nothing happens.\r\n");
		return;
	}
	term_puts(sh->term, "Powering off.\r\n");
	term_flush(sh->term);
	sh->host->shutdown();
}

static void shell_line(struct shell *sh)
{
	if (sh->confirming)
		run_confirmed(sh);
	else
		run_line(sh);
	edit_clear(&sh->edit, sh->confirming ? PROMPT_CONFIRM : PROMPT);
	if (sh->result == SHELL_STAY)
		edit_redraw(&sh->edit);
}

/* ---- Completion */

/* Which list the word at the cursor is from, NULL: none. @start: where the word begins. */
static complete_word_fn *list_for(const struct edit *e, u32 start)
{
	char first[EDIT_LINE_MAX];
	const struct command *c;
	u32 from = 0, n = 0;

	while (from < start && e->line[from] == ' ')
		from++;
	if (from == start)
		return command_name;
	while (from + n < start && e->line[from + n] != ' ')
		n++;
	memcpy(first, e->line + from, n);
	first[n] = '\0';
	c = command_find(first);
	if (!c || c->words == WORDS_NONE)
		return NULL;
	return c->words == WORDS_COMMAND ? command_name : command_vm_name;
}

static void show_candidates(struct shell *sh, complete_word_fn *list, const char *word, u32 len)
{
	const char *w;

	term_puts(sh->term, "\r\n");
	for (unsigned i = 0; (w = list(i)); i++)
		if (complete_matches(w, word, len))
			term_printf(sh->term, "%s  ", w);
	term_puts(sh->term, "\r\n");
	edit_redraw(&sh->edit);
}

static void shell_complete(struct shell *sh)
{
	struct edit *e = &sh->edit;
	u32 start = e->cursor, len;
	complete_word_fn *list;
	struct completion found;

	while (start > 0 && e->line[start - 1] != ' ')
		start--;
	len = e->cursor - start;
	list = sh->confirming ? NULL : list_for(e, start);
	if (!list)
		return;
	found = complete_find(list, e->line + start, len);
	if (found.count > 1 && found.common == len)
		show_candidates(sh, list, e->line + start, len);
	if (found.count)
		edit_insert(e, found.first + len, found.common - len);
	if (found.count == 1)
		edit_insert(e, " ", 1);
}

enum shell_result shell_key(struct shell *sh, u8 byte)
{
	sh->result = SHELL_STAY;
	switch (edit_key(&sh->edit, byte)) {
	case EDIT_LINE:
		shell_line(sh);
		break;
	case EDIT_COMPLETE:
		shell_complete(sh);
		break;
	case EDIT_CANCEL:
		sh->confirming = false;
		edit_begin(&sh->edit, PROMPT);
		break;
	case EDIT_END:
		sh->result = SHELL_LEAVE;
		break;
	case EDIT_NONE:
		break;
	}
	return sh->result;
}
