/* SPDX-License-Identifier: MIT
 *
 * The commands of the `socketstream` program.  main.c finds one by its name; each lives in the
 * file of that name, reads its own options, and returns the exit status of the process.
 * argv[0] is the command's name, so getopt_long() can be used as it is.
 */
#ifndef SS_CMD_H
#define SS_CMD_H

enum {
    SS_EXIT_OK = 0,
    SS_EXIT_FAILED = 1, /* what was asked for could not be done; said on stderr why */
    SS_EXIT_USAGE = 2,  /* the command line is wrong */
};

/* socketstream new DIR [--js|--coffee|--ts|--c] [--minimal]: a new application. */
int ss_cmd_new(int argc, char **argv);

/* socketstream start [--app DIR] [--port N]: nginx and the sidecar, supervised. */
int ss_cmd_start(int argc, char **argv);

/* socketstream sidecar --app DIR --listen PATH: the sidecar alone, in the foreground. */
int ss_cmd_sidecar(int argc, char **argv);

/* socketstream pack [--app DIR]: public/ of an application, for production. */
int ss_cmd_pack(int argc, char **argv);

/* socketstream console [--app DIR] [--socket PATH] [-e EXPRESSION]: becomes host/console.mjs. */
int ss_cmd_console(int argc, char **argv);

/* socketstream config [--app DIR] [--json] [KEY]: prints the merged configuration. */
int ss_cmd_config(int argc, char **argv);

/* socketstream types [--app DIR]: writes what SS.server has, for TypeScript. */
int ss_cmd_types(int argc, char **argv);

/* socketstream child: what a supervised child runs first, see supervisor.h. */
int ss_cmd_child(int argc, char **argv);

#endif
