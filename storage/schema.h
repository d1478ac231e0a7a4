/* schema.h: the tables of imld.db, as a list of migrations (private to storage/). */
#ifndef IMLD_STORAGE_SCHEMA_H
#define IMLD_STORAGE_SCHEMA_H

#include <stddef.h>

#define IMLD_APPLICATION_ID 0x696d6c64 /* "imld" */

/* imld_migrations[v] leads from user_version v to v + 1. Never edited once released. */
extern const char *const imld_migrations[];
extern const size_t imld_migration_count;

#endif
