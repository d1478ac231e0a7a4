/* synthetic.h: what a job document says of its synthetic problem: the set that is no folder. */
#ifndef IMLD_SPEC_SYNTHETIC_H
#define IMLD_SPEC_SYNTHETIC_H

#include "spec/resolve.h"

/* Whether data.set is "synthetic". */
bool imld_is_synthetic(const json_t *document);

/* Counts of its rows, by data.synthetic with the defaults of its fields; validation_rows: those
 * that the problem itself has, 0 where they are drawn from the train split as images are. false: a
 * field that they depend on is wrong. */
bool imld_synthetic_view(const json_t *document, struct imld_set_view *view,
                         uint64_t *validation_rows);

/* meta.knowledge.initial, or its default. */
double imld_first_coefficient(const json_t *document);

#endif
