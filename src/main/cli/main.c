#include "main/cli/cli.h"

int main(int argc, char **argv)
{
	return (int)cli_command(argc, argv);
}
