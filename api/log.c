/* log.c: lines for the daemon's log; what a client can cause at will is limited (out of descriptors
 * the library alone writes 200,000 lines a second: measured). */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "api/server.h"
#include "base/clock.h"

enum { WINDOW_MS = 10000, BURST = 20, LINE_MAX_BYTES = 700 };

static void say(struct imld_api *api, const char *level, char text[LINE_MAX_BYTES])
{
    if (!api->log) return;
    for (char *c = text; *c; c++) { /* a client's text can't make lines or colours of its own */
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
    }
    api->log(api->log_context, level, text);
}

void imld_api_log(struct imld_api *api, const char *level, const char *line, ...)
{
    char text[LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, line);
    (void)vsnprintf(text, sizeof text, line, arguments);
    va_end(arguments);
    say(api, level, text);
}

void imld_api_log_limited(struct imld_api *api, const char *level, const char *line, ...)
{
    struct imld_log_limit *limit = &api->log_limit;
    const int64_t now = imld_ticks_ms();
    unsigned dropped = 0;
    (void)pthread_mutex_lock(&limit->mutex);
    if (now - limit->window_ms >= WINDOW_MS) {
        dropped = limit->dropped;
        limit->window_ms = now;
        limit->said = limit->dropped = 0;
    }
    const bool says = limit->said < BURST;
    if (says)
        limit->said++;
    else
        limit->dropped++;
    (void)pthread_mutex_unlock(&limit->mutex);
    if (dropped) imld_api_log(api, level, "%u lines of refused requests were left out", dropped);
    if (!says) return;
    char text[LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, line);
    (void)vsnprintf(text, sizeof text, line, arguments);
    va_end(arguments);
    say(api, level, text);
}
