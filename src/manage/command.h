/* The shell's commands: a table, each with its help; between the files of the shell. */
#ifndef MANAGE_COMMAND_H
#define MANAGE_COMMAND_H

#include "manage/complete.h"
#include "manage/shell.h"

#define COMMAND_WORDS_MAX 16 /* of a line */

struct vm;
struct vm_facts;

enum command_words { /* what may follow the command */
	WORDS_NONE,
	WORDS_VM,      /* one VM */
	WORDS_VMS,     /* one VM or more */
	WORDS_COMMAND, /* a command's name, or nothing */
};

struct command {
	const char *name;
	enum command_words words;
	const char *summary;
	const char *details; /* more lines for "help NAME"; NULL: none */
	/* @vm: the VM named, or NULL; called once for each. @word: the command named, or NULL. */
	void (*run)(struct shell *sh, const struct command *c, struct vm *vm, const char *word);
};

extern const struct command command_table[];
extern const unsigned command_count;

const struct command *command_find(const char *name);
/* Lists of words for completion. */
complete_word_fn command_name, command_vm_name;

/* In command_vm.c. */
void command_list(struct shell *, const struct command *, struct vm *, const char *);
void command_life(struct shell *, const struct command *, struct vm *, const char *);
void command_info(struct shell *, const struct command *, struct vm *, const char *);
/* What command_info() shows; @facts is room that it needs. */
void command_info_show(struct term *t, struct vm *vm, struct vm_facts *facts);

#endif
