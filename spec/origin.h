/* origin.h: a job that starts from another job's checkpoint (`from`, DESIGN §4): data, model and
 * split are that job's. */
#ifndef IMLD_SPEC_ORIGIN_H
#define IMLD_SPEC_ORIGIN_H

#include "spec/resolve.h"

/* A new reference: the document with what its `from` brings, that is data and model of the other
 * job, and in `from` the checkpoint's step and sha256 and the split's seed; problems where the
 * document says otherwise itself. NULL: it has no `from`, or none that can be used: problems say
 * so, but what the table of fields finds is left to it. */
json_t *imld_origin_bring(const json_t *document, const struct imld_resolve_context *context,
                          struct imld_problems *problems);

/* A problem from index `first` on that lies in data or model, at what the document does not say
 * itself, is one of the other job: its pointer becomes /from/job. */
void imld_origin_point(const json_t *document, struct imld_problems *problems, size_t first);

/* For another `from` of a document: the text at FROM/NAME if it is one that its row at `path`
 * allows, the row's default where it is left out; NULL: neither. */
json_t *imld_origin_text(const json_t *from, const char *path, const char *name);

/* A fact of the checkpoint, which is taken, under the last name of the pointer; the document may
 * say the same. false: no memory. */
bool imld_origin_fact(json_t *from, const char *pointer, json_t *fact,
                      struct imld_problems *problems);

#endif
