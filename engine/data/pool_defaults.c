/* pool_defaults.c: what a job with few labels gets of its data where it does not say so itself
 * (FIXMATCH 4.3, 4.5). */
#include "engine/data/pool.h"

/* The N that the protocol made the pool of. */
static size_t find_unlabeled(const struct iml_pool_options *options,
                             const struct iml_pool_counts *counts)
{
    enum { OTHERS_AT_SHARE_1 = 3 }; /* as many as at 0.75, which are three for one */
    size_t inside = 0;
    if (options->mismatch != IML_MISMATCH_FIXED_IN_DISTRIBUTION) return counts->own_total;
    if (options->share >= 1) return counts->own_total / OTHERS_AT_SHARE_1;
    for (size_t c = 0; c < IML_CLASSES_MAX; c++)
        inside += counts->known.has[c] ? counts->own[c] : 0;
    return inside;
}

enum iml_code iml_pool_find_defaults(const struct iml_set_facts *facts,
                                     const struct iml_pool_options *options,
                                     struct iml_pool_defaults *defaults, struct iml_error *error)
{
    struct iml_pool_counts counts;
    *defaults = (struct iml_pool_defaults){0};
    const enum iml_code code = iml_pool_share(facts, options, &counts, error);
    if (code != IML_OK) return code;
    for (size_t c = 0; c < IML_CLASSES_MAX; c++)
        if (counts.known.has[c]) defaults->known[defaults->known_count++] = (uint8_t)c;
    defaults->test = iml_known_test_images(&counts.known, facts);
    defaults->unlabeled =
        options->unlabeled ? options->unlabeled : find_unlabeled(options, &counts);
    return IML_OK;
}
