/* log.c: one line an event; see log.h. */
#include "daemon/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

static const struct level {
    const char *name;
    int syslog; /* sd-daemon(3) */
} levels[] = {
    [IMLD_LOG_ERROR] = {"error", 3},
    [IMLD_LOG_WARN] = {"warn", 4},
    [IMLD_LOG_INFO] = {"info", 6},
    [IMLD_LOG_DEBUG] = {"debug", 7},
};

void imld_log_open(struct imld_log *log, enum imld_level level, const char *journal_stream)
{
    *log = (struct imld_log){.level = level, .fd = STDERR_FILENO};
    struct stat status;
    if (!journal_stream || fstat(STDERR_FILENO, &status) != 0) return;
    char here[64];
    (void)snprintf(here, sizeof here, "%ju:%ju", (uintmax_t)status.st_dev,
                   (uintmax_t)status.st_ino);
    log->is_journal = strcmp(here, journal_stream) == 0;
}

bool imld_level_parse(const char *name, enum imld_level *level)
{
    for (unsigned i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(levels[i].name, name) != 0) continue;
        *level = (enum imld_level)i;
        return true;
    }
    return false;
}

/* The line's beginning; its length. */
static size_t begin_line(const struct imld_log *log, enum imld_level level, char *line, size_t size)
{
    if (log->is_journal) return (size_t)snprintf(line, size, "<%d>", levels[level].syslog);
    char now[IMLD_TIME_TEXT_MAX];
    (void)imld_time_text(imld_wall_ms(), now);
    return (size_t)snprintf(line, size, "%s %-5s ", now, levels[level].name);
}

void imld_log(const struct imld_log *log, enum imld_level level, const char *format, ...)
{
    if (level > log->level) return;
    char line[2048];
    size_t length = begin_line(log, level, line, sizeof line);
    const size_t begin = length;
    va_list arguments;
    va_start(arguments, format);
    const int written = vsnprintf(line + length, sizeof line - length, format, arguments);
    va_end(arguments);
    if (written < 0) return;
    length += (size_t)written;
    if (length > sizeof line - 1) length = sizeof line - 1;
    for (size_t i = begin; i < length; i++) {
        const unsigned char byte = (unsigned char)line[i];
        if (byte < 0x20 || byte == 0x7f) line[i] = '?';
    }
    line[length++] =
        '\n'; /* in place of the NUL: one write, so that lines of two threads don't mix */
    if (write(log->fd, line, length) < 0) return; /* nobody is left to tell */
}

void imld_log_line(void *context, const char *level, const char *line)
{
    enum imld_level parsed = IMLD_LOG_ERROR;
    (void)imld_level_parse(level, &parsed);
    imld_log(context, parsed, "%s", line);
}
