/* frozen.h: whether the confidence network of another job (confidence.from) can weigh a job's pool
 * (FIXMATCH 6.1, docs/decisions/0133). */
#ifndef IMLD_DAEMON_FROZEN_H
#define IMLD_DAEMON_FROZEN_H

#include <jansson.h>
#include <stdbool.h>

#include "imld/trainer.h"
#include "spec/problems.h"
#include "storage/storage.h"

/* spec, options, facts: of the resolved job. false: a problem at /confidence/from/job. Also true
 * where it can't be known: the other job or its data is gone. Any thread; waits for a reader. */
bool imld_frozen_fits(struct imld_storage *storage, const json_t *spec,
                      const struct iml_trainer_options *options, const struct iml_set_facts *facts,
                      struct imld_problems *problems);

#endif
