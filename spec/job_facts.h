/* job_facts.h: what a job document and its data set say that the named defaults (facts.h) are made
 * of. */
#ifndef IMLD_SPEC_JOB_FACTS_H
#define IMLD_SPEC_JOB_FACTS_H

#include "spec/facts.h"
#include "spec/resolve.h"

/* Fills facts; what is not known, or wrongly given, is IMLD_UNKNOWN. algorithms: the job's. false:
 * view is not filled, as the set is none (a problem at /data/set says so) or was not looked at. */
bool imld_job_facts(const json_t *document, unsigned algorithms,
                    const struct imld_resolve_context *context, struct imld_set_view *view,
                    struct imld_facts *facts, struct imld_problems *problems);

#endif
