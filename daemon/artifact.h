/* artifact.h: an engine's artifact as the JSON document that is stored and served (DESIGN §7). */
#ifndef IMLD_DAEMON_ARTIFACT_H
#define IMLD_DAEMON_ARTIFACT_H

#include "imld/trainer.h"

/* {"name": …, "step": …, and a member for each entry}: a text, a list of texts, a number, a list,
 * or a list of rows. Numbers have the fewest digits that read back the same double; one that is not
 * finite is null, and `not_finite`, which is there where one is, tells its kind by its JSON
 * pointer:
 * {"/curve/2/1": "nan"}. The caller frees it; NULL: no memory. */
char *imld_artifact_text(const struct iml_artifact *artifact, int64_t step);

#endif
