/* SPDX-License-Identifier: MIT
 *
 * See loading.h.  In the handler nothing is called but what signal-safety(7) allows.  The signal
 * then does what it would have done, be it to leave a core, or a sanitizer's report.
 */
#include "loading.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};

#define NUMBERS (sizeof numbers / sizeof numbers[0])

static struct {
    const char *volatile path; /* NULL: nothing is loaded */
    struct sigaction former[NUMBERS];
    bool told_exit; /* atexit() has been told */
} loading;

static void put(const char *text) {
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

static void tell(const char *what) {
    put(SS_LOADING_MARK);
    put(loading.path);
    put(what);
}

static void give_back(void) {
    for (size_t i = 0; i < NUMBERS; i++) {
        sigaction(numbers[i], &loading.former[i], NULL);
    }
}

static void on_crash(int number) {
    tell(" crashes while it is loaded: correct it, or remove it\n");
    give_back();
    raise(number);
}

static void on_exit_of_it(void) {
    if (loading.path != NULL) {
        tell(" ends the process while it is loaded: correct it, or remove it\n");
    }
}

void ss_loading_begin(const char *path) {
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_NODEFER};
    if (!loading.told_exit) {
        loading.told_exit = atexit(on_exit_of_it) == 0;
    }
    loading.path = path;
    for (size_t i = 0; i < NUMBERS; i++) {
        sigaction(numbers[i], &action, &loading.former[i]);
    }
}

void ss_loading_end(void) {
    give_back();
    loading.path = NULL;
}
