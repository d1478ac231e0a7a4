/* signals.h: signals as events on a descriptor. Handlers only write an eventfd: they may run on a
 * thread that a library made before main, where a signalfd would not see the signal. */
#ifndef IMLD_DAEMON_SIGNALS_H
#define IMLD_DAEMON_SIGNALS_H

#include "imld/error.h"

/* Installs the handlers, once a process, from main: SIGTERM, SIGINT and SIGHUP ask for an end in
 * good order (the descriptor becomes readable); a second one ends the process at once with
 * status 1. SIGPIPE and SIGXFSZ are ignored. The caller's thread has the three blocked afterwards,
 * and so have the threads it makes; imld_signals_unblock takes them again. fd: an eventfd that
 * stays open as long as the process. */
IML_MUST_USE enum iml_code imld_signals_open(int *fd, struct iml_error *error);
void imld_signals_unblock(void);

#endif
