/* The `bulkhead` command: its subcommands and what they end with. */
#ifndef MAIN_CLI_CLI_H
#define MAIN_CLI_CLI_H

/* Exit codes. */
enum cli_result { CLI_OK, CLI_FAILED, CLI_USAGE };

/* Each gets the arguments behind its own name. */
enum cli_result check_command(int argc, char **argv);
enum cli_result pack_command(int argc, char **argv);
enum cli_result run_command(int argc, char **argv);

/* The whole command, with main()'s arguments. */
enum cli_result cli_command(int argc, char **argv);

#endif
