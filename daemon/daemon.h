/* daemon.h: all parts of imld wired together, from start to end. */
#ifndef IMLD_DAEMON_DAEMON_H
#define IMLD_DAEMON_DAEMON_H

#include "daemon/configuration.h"

/* Serves until a signal asks for the end, then ends in good order within 10 s. passed_sockets: from
 * descriptor 3. Returns the exit status: 0, or 1 where it could not start (the log says why). */
int imld_daemon_run(const struct imld_configuration *configuration, const char *program,
                    unsigned passed_sockets);

#endif
