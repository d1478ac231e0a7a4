/* log.h: one line an event, to stderr, with a level. */
#ifndef IMLD_DAEMON_LOG_H
#define IMLD_DAEMON_LOG_H

#include <stdbool.h>

/* In syslog's order, so that a level is shown if it is at most the configured one. */
enum imld_level { IMLD_LOG_ERROR, IMLD_LOG_WARN, IMLD_LOG_INFO, IMLD_LOG_DEBUG };

struct imld_log {
    enum imld_level level;
    bool is_journal; /* stderr is the journal's stream: lines begin with "<3>" … "<7>", and the
                        journal adds the time; elsewhere they begin with the time and the level's
                        name */
    int fd;
};

/* The journal is known by $JOURNAL_STREAM = "device:inode" of stderr (systemd.exec(5)); NULL: not
 * set. */
void imld_log_open(struct imld_log *log, enum imld_level level, const char *journal_stream);

/* "error", "warn", "info", "debug"; false: none of these. */
bool imld_level_parse(const char *name, enum imld_level *level);

/* Any thread. Line ends and other control bytes in the text are written as '?': a line stays one
 * line. */
void imld_log(const struct imld_log *log, enum imld_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same as the callback that storage and api want; context: the log. */
void imld_log_line(void *context, const char *level, const char *line);

#endif
