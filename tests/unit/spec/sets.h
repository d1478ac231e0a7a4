/* sets.h: the data sets that the tests of spec/ know, and one call that resolves a text. */
#ifndef IMLD_TESTS_SETS_H
#define IMLD_TESTS_SETS_H

#include "spec/resolve.h"

/* Of both checkpoints (best and step-40, of step 40) of the jobs that can be started from: j0000001
 * (iml, seed 7, on tiny), j0000002 (supervised, itself from j0000001), j0000003 (another
 * algorithm), j0000004 (a set that is gone), j0000005 (a model of another kind). */
extern const char origin_sha256[65];

/* Knows fashion-mnist (60,000 and 10,000 images), tiny (40 and 8), trainless (0 and 10), testless
 * (100 and 0); a limit of 4 threads; no right to raise the priority. */
extern const struct imld_resolve_context test_context;

/* Parses (the text must be JSON) and resolves; the result is the caller's. */
json_t *resolve_text(const char *text, struct imld_problems *problems);

/* All pointers of the problems, in their order, joined by spaces ("" as "(root)"). The caller
 * frees. */
char *pointers_of(const struct imld_problems *problems);

#endif
