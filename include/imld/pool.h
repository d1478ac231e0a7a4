/* pool.h: what a job asks of its data where few images have labels (FIXMATCH §4): how many, which
 * classes the task and the pool have, images of a second set. */
#ifndef IMLD_POOL_H
#define IMLD_POOL_H

#include "imld/dataset.h"

/* Which classes the pool holds (FIXMATCH 4.5); numbered as the protocol's row in its table. */
enum iml_mismatch {
    IML_MISMATCH_NONE, /* all, by their shares of the set */
    IML_MISMATCH_FIXED_POOL,
    IML_MISMATCH_FIXED_IN_DISTRIBUTION,
    IML_MISMATCH_OLIVER2018,
    IML_MISMATCH_COUNT
};

const char *iml_mismatch_name(enum iml_mismatch mismatch); /* as in a job: "fixed_pool" */

struct iml_pool_options {
    size_t validation, labels; /* images of the known classes; labels: a multiple of their number */
    bool leaves_out_labeled;   /* data.unlabeled_includes_labeled: false */
    size_t unlabeled;          /* the protocol's N; 0: its default */
    enum iml_mismatch mismatch;
    double share;         /* of a mismatch, in [0, 1] */
    const uint8_t *known; /* borrowed; NULL: the set's default */
    size_t known_count;
    const struct iml_set_facts *extra; /* borrowed; NULL: no second set */
    size_t extra_count;                /* its images in the pool; 0: by extra_share */
    double extra_share;                /* of the whole pool, in [0, 1) */
};

/* What such a job's data are where it leaves these out. */
struct iml_pool_defaults {
    uint8_t known[IML_CLASSES_MAX]; /* ascending */
    size_t known_count;
    size_t test;      /* test images of the known classes */
    size_t unlabeled; /* the protocol's N; 0: the set itself gives the pool no image */
};

/* Errors: those of a job whose data can't be had (the text has class, asked and present; where =
 * the field's pointer). */
IML_MUST_USE enum iml_code iml_pool_find_defaults(const struct iml_set_facts *facts,
                                                  const struct iml_pool_options *options,
                                                  struct iml_pool_defaults *defaults,
                                                  struct iml_error *error);

#endif
