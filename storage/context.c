/* context.c: what every part of storage/ asks of its state folder: the time, the log, paths in
 * it. */
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "storage/paths.h"
#include "storage/state.h"

int64_t imld_storage_now_ms(const struct imld_storage *storage)
{
    return storage->options.now_ms ? storage->options.now_ms() : imld_wall_ms();
}

void imld_storage_log(const struct imld_storage *storage, const char *level, const char *format,
                      ...)
{
    if (!storage->options.log) return;
    char line[1200];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    storage->options.log(storage->options.context, level, line);
}

bool imld_storage_path(const struct imld_storage *storage, const char *name, char path[PATH_MAX])
{
    return imld_path_start(path, storage->folder) && imld_path_append(path, name);
}
