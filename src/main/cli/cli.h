/* The `bulkhead` command: its subcommands and what they end with. */
#ifndef MAIN_CLI_CLI_H
#define MAIN_CLI_CLI_H

/* Exit codes. */
enum cli_result { CLI_OK, CLI_FAILED, CLI_USAGE };

/* Subcommands, as options.h has them. */
struct command;
extern const struct command check_command, pack_command, run_command;
/* Of systems that run. */
extern const struct command list_command, info_command, log_command, start_command, stop_command,
	kill_command, pause_command, resume_command, restart_command;

/* The whole command, with main()'s arguments. */
enum cli_result cli_command(int argc, char **argv);

#endif
