/* plan.h: a resolved job → the engine's options, and the memory that its run will hold: the one
 * place where JSON fields meet struct iml_trainer_options. */
#ifndef IMLD_DAEMON_PLAN_H
#define IMLD_DAEMON_PLAN_H

#include <jansson.h>

#include "imld/trainer.h"

/* Options of a resolved spec, but for roots and nice, which are the daemon's. Texts are borrowed
 * from the spec. IML_ERROR_DATA: the spec is not a resolved one of this program; where = JSON
 * pointer. */
IML_MUST_USE enum iml_code
imld_plan_options(const json_t *spec, struct iml_trainer_options *options, struct iml_error *error);

/* Writes into the resolved spec of a job on few labels what its data are by default and only the
 * engine can work out: data.test, data.unlabeled, data.mismatch.known (FIXMATCH 4.3, 4.5). A job
 * that its data can't serve stays as it is: its plan tells why. false: no memory. */
bool imld_plan_complete(json_t *spec, const struct iml_set_roots *roots);

/* The trainer's plan and, as one part more, what the daemon itself keeps: two states (the best, and
 * the one that is being written). */
IML_MUST_USE enum iml_code imld_plan_memory(const struct iml_trainer_options *options,
                                            const struct iml_set_facts *facts,
                                            struct iml_plan *plan, struct iml_error *error);

/* {total_bytes, parts: {name: bytes}}: a new object; NULL: no memory. */
json_t *imld_plan_json(const struct iml_plan *plan);

#endif
