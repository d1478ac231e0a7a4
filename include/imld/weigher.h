/* weigher.h: how the images of a pool are weighed in the consistency loss (MATH §3.3, §3.4;
 * FIXMATCH §6): by a confidence network C(u; ω), or by a number each. */
#ifndef IMLD_WEIGHER_H
#define IMLD_WEIGHER_H

#include <stdbool.h>
#include <stddef.h>

#include "imld/net.h"

/* What C reads of an image: its weak view, or what the base net makes of that view: class
 * probabilities, or features (the inputs of its last layer). */
enum iml_weigher_input {
    IML_WEIGHER_IMAGE,
    IML_WEIGHER_PROBABILITIES,
    IML_WEIGHER_FEATURES,
    IML_WEIGHER_INPUTS
};

/* From C's number a to the weight: 2σ(a), a, σ(a). */
enum iml_weigher_output {
    IML_WEIGHER_TWO_SIGMOID,
    IML_WEIGHER_LINEAR,
    IML_WEIGHER_SIGMOID,
    IML_WEIGHER_OUTPUTS
};

/* batch_mean: over the mean of the batch's pool images. */
enum iml_weigher_normalize { IML_WEIGHER_PLAIN, IML_WEIGHER_BATCH_MEAN };

/* zero: last weights 0 and last bias at the rest point: equal weights; pretrained: C as it is
 * drawn, then fitted to w = 1. */
enum iml_weigher_start { IML_WEIGHER_ZERO, IML_WEIGHER_PRETRAINED };

/* What multiplies the loss (ablations): C's weights while it learns; 1 while it learns; its weights
 * permuted within the batch while it learns; or the weights of a C that was learned elsewhere: ω
 * and C's statistics are imported before the first step (iml_trainer_imported) and never change. */
enum iml_weigher_used {
    IML_WEIGHER_LEARNED,
    IML_WEIGHER_ONES,
    IML_WEIGHER_PERMUTED,
    IML_WEIGHER_FROZEN
};

/* All zero is FIXMATCH 6.1's default, but for `hidden`. */
struct iml_weigher_options {
    enum iml_weigher_input input;
    enum iml_weigher_output output;
    enum iml_weigher_normalize normalize;
    enum iml_weigher_start start;
    enum iml_weigher_used used;
    bool through_features; /* of features: w is no constant of θ (MATH §3.4) */
    double decay;          /* κ of (κ/2)‖ω − ω°‖² */
    /* C of images; NULL: cnn_small */
    const struct iml_model_kind *model;
    size_t depth, widening;
    /* C of what the base net makes: an mlp, with one output more than `hidden` says */
    size_t hidden[IML_HIDDEN_MAX];
    size_t hidden_count;
    enum iml_activation activation;
};

const char *iml_weigher_output_name(enum iml_weigher_output output);

#endif
