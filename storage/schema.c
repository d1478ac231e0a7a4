/* schema.c: the tables of imld.db (DESIGN §6). */
#include "storage/schema.h"

/* Version 1. States and verbs are stored by name: an enum may be reordered. `meta.token` is new
 * in each transaction: after a COMMIT that failed it says whether that one happened; `meta.doubt`
 * is what a transaction that settled such a case found. Points have one narrow key (series, step):
 * 21 bytes a row against 57 with texts in it (measured). A job's `best` checkpoint is not one to go
 * on from. */
static const char version_1[] =
    "CREATE TABLE meta ("
    "  id INTEGER PRIMARY KEY CHECK (id = 1),"
    "  token INTEGER NOT NULL, doubt INTEGER NOT NULL"
    ") STRICT;"
    "INSERT INTO meta VALUES (1, 0, 0);"

    "CREATE TABLE jobs ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'completed', 'failed',"
    "                                       'cancelled')),"
    "  owner TEXT NOT NULL, name TEXT NOT NULL, note TEXT NOT NULL, tags TEXT NOT NULL,"
    "  spec TEXT NOT NULL, spec_hash BLOB NOT NULL, early_stopping TEXT NOT NULL,"
    "  best_metric TEXT, best_is_higher INTEGER NOT NULL,"
    "  reason TEXT, result TEXT, error TEXT, split TEXT, cpu_kernel TEXT, program TEXT NOT NULL,"
    "  is_suspect INTEGER NOT NULL DEFAULT 0, losses INTEGER NOT NULL DEFAULT 0,"
    "  priority INTEGER NOT NULL, attempt INTEGER NOT NULL DEFAULT 1,"
    "  threads INTEGER NOT NULL, memory_bytes INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL, started_ms INTEGER NOT NULL DEFAULT 0,"
    "  ended_ms INTEGER NOT NULL DEFAULT 0, changed_ms INTEGER NOT NULL,"
    "  step INTEGER NOT NULL DEFAULT 0, steps_of INTEGER NOT NULL DEFAULT 0,"
    "  running_seconds REAL NOT NULL DEFAULT 0, revision INTEGER NOT NULL DEFAULT 1"
    ") STRICT;"
    "CREATE INDEX jobs_by_claim ON jobs (priority DESC, number) WHERE state = 'queued';"
    "CREATE INDEX jobs_by_state ON jobs (state, number);"
    "CREATE INDEX jobs_by_owner ON jobs (owner, number);"
    "CREATE INDEX jobs_by_spec ON jobs (spec_hash, number);"

    "CREATE TABLE intents ("
    "  job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,"
    "  verb TEXT NOT NULL, actor TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (job, verb)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE idempotency ("
    "  owner TEXT NOT NULL, key TEXT NOT NULL, body_hash BLOB NOT NULL,"
    "  job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE, created_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (owner, key)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX idempotency_by_job ON idempotency (job);"
    "CREATE INDEX idempotency_by_time ON idempotency (created_ms);"

    "CREATE TABLE events ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  job INTEGER NOT NULL," /* 0: of the server */
    "  time_ms INTEGER NOT NULL, kind TEXT NOT NULL, actor TEXT NOT NULL, data TEXT"
    ") STRICT;"
    "CREATE INDEX events_by_job ON events (job, id);"

    "CREATE TABLE series ("
    "  id INTEGER PRIMARY KEY,"
    "  job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,"
    "  metric TEXT NOT NULL,"
    "  UNIQUE (job, metric)"
    ") STRICT;"
    "CREATE TABLE points ("
    "  series INTEGER NOT NULL REFERENCES series ON DELETE CASCADE,"
    "  step INTEGER NOT NULL, value REAL, kind INTEGER NOT NULL,"
    "  PRIMARY KEY (series, step),"
    "  CHECK ((kind = 0) = (value IS NOT NULL))"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE checkpoints ("
    "  job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,"
    "  name TEXT NOT NULL, step INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL, sha256 TEXT NOT NULL, file TEXT NOT NULL,"
    "  PRIMARY KEY (job, name)"
    ") STRICT, WITHOUT ROWID;";

/* Version 2: artifacts. `place` orders them for thinning (artifacts.c); the index by it holds all
 * that thinning looks at, so that no document is read for it. The document is the last column: a
 * list reads the row's head alone. */
static const char version_2[] =
    "CREATE TABLE artifacts ("
    "  id INTEGER PRIMARY KEY,"
    "  job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,"
    "  name TEXT NOT NULL, step INTEGER NOT NULL, place INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL, created_ms INTEGER NOT NULL, document TEXT NOT NULL,"
    "  UNIQUE (job, name, step)"
    ") STRICT;"
    "CREATE INDEX artifacts_by_place ON artifacts (job, name, place);";

/* Version 3: the checkpoint that a job starts from, as its row was at the submission. Its job may
 * be deleted once this one has ended: no foreign key. */
static const char version_3[] =
    "CREATE TABLE origins ("
    "  job INTEGER PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,"
    "  source INTEGER NOT NULL, name TEXT NOT NULL, step INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    "  created_ms INTEGER NOT NULL, sha256 TEXT NOT NULL, file TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX origins_by_source ON origins (source);";

const char *const imld_migrations[] = {version_1, version_2, version_3};
const size_t imld_migration_count = sizeof imld_migrations / sizeof imld_migrations[0];
