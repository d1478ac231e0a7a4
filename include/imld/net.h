/* net.h: a net: a graph of layers over one flat parameter vector θ (MATH §2).
 *
 * θ and every vector of its shape (gradients, directions, λ per parameter, optimizer moments) lie
 * layer by layer in the graph's order, in a layer weights before bias. *Outside* (checkpoints,
 * fixtures, PyTorch) a linear weight is out × in, row-major; *inside* it is in × out, which the
 * GEMMs like better; a convolution's is out × in × height × width in both. iml_net_import and
 * iml_net_export convert. */
#ifndef IMLD_NET_H
#define IMLD_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imld/arena.h"
#include "imld/error.h"
#include "imld/real.h"
#include "imld/registry.h"
#include "imld/team.h"

#define IML_HIDDEN_MAX 16
#define IML_LAYERS_MAX 256

enum iml_activation { IML_ACTIVATION_RELU, IML_ACTIVATION_TANH, IML_ACTIVATION_LEAKY_RELU };
/* inner_product: ℓ = t·z, a part of a larger function whose derivative in z is t. */
enum iml_loss { IML_LOSS_CROSS_ENTROPY, IML_LOSS_SQUARED_ERROR, IML_LOSS_INNER_PRODUCT };

/* Initial values by their standard names; fan_in is a layer's inputs, fan_out its outputs.
 *   pytorch           uniform ±1/√fan_in, weights and biases: what torch.nn.Linear starts from
 *   kaiming_uniform   weights uniform ±gain·√(3/fan_in), biases 0
 *   kaiming_normal    weights normal, deviation gain/√fan_in, biases 0
 *   xavier_uniform    weights uniform ±√(6/(fan_in + fan_out)), biases 0
 *   xavier_normal     weights normal, deviation √(2/(fan_in + fan_out)), biases 0
 *   fan_out           convolutions normal, deviation √(2/fan_out); linear weights as xavier_normal;
 *                     biases 0 (FIXMATCH 2.5): what nets of images start from in every case
 * Of a convolution fan_in and fan_out count the window's pixels too. gain belongs to the activation
 * that follows: √2 for relu, √(2/(1 + slope²)) for leaky_relu, 5/3 for tanh, 1 after the last
 * layer. γ = 1 and β = 0 in each. */
enum iml_initialization {
    IML_INITIALIZATION_PYTORCH,
    IML_INITIALIZATION_KAIMING_UNIFORM,
    IML_INITIALIZATION_KAIMING_NORMAL,
    IML_INITIALIZATION_XAVIER_UNIFORM,
    IML_INITIALIZATION_XAVIER_NORMAL,
    IML_INITIALIZATION_FAN_OUT
};

/* A kind of net: engine/net/models.c lists them. */
struct iml_model_kind;
const struct iml_model_kind *iml_model_kind_find(const char *name); /* NULL: unknown */
const char *iml_model_kind_name(const struct iml_model_kind *kind); /* NULL: an mlp */
bool iml_model_is_of_images(const struct iml_model_kind *kind);     /* NULL, an mlp: false */

/* Which kernels a convolution takes. auto: Winograd where the layer is 3 × 3, stride 1, its
 * channels are multiples of 16 and its tiles of 4 × 4 pixels at least half full: our own with AVX2
 * and FMA, oneDNN's with AVX-512; direct everywhere else. Either gives the same bits again and
 * again, but not the other's. */
enum iml_convolution_method { IML_CONVOLUTION_AUTO, IML_CONVOLUTION_DIRECT };

/* Options of a net. model NULL, "mlp": inputs – hidden[0] – … – outputs. After each hidden layer:
 * batch norm (if wanted), the activation, dropout (if its rate is above 0). hidden_count 0 is
 * softmax (or linear) regression. has_bias false leaves the biases of all linear layers out. What
 * is 0 or false is not there. */
struct iml_net_options {
    size_t inputs;
    size_t hidden[IML_HIDDEN_MAX];
    size_t hidden_count;
    size_t outputs;
    enum iml_activation activation;
    enum iml_loss loss;
    double slope;   /* leaky_relu: 0 to 1 */
    double epsilon; /* batch norm: above 0, added to the variance */
    double dropout; /* rate: share of values set to 0, 0 to below 1 */
    enum iml_initialization initialization;
    bool has_bias, has_batch_norm;
    /* nets of images (FIXMATCH §2): inputs = channels × height × width, in that order; they take
     * outputs, loss, epsilon and what follows, and nothing else of the above */
    const struct iml_model_kind *model;
    size_t channels, height, width;
    size_t depth, widening; /* wrn */
    enum iml_convolution_method convolution;
    unsigned threads; /* that teams of its evaluators have at most; 0: 1 */
    /* relu and leaky_relu remember their signs, for struct iml_mode's holds_kinks: the same
     * function, by slower kernels */
    bool keeps_kinks;
};

/* A block of θ: one tensor of one layer. */
struct iml_block {
    char name[64]; /* "linear1.weight" */
    size_t layer;  /* number of the layer among those with parameters: the group of l2_per_layer */
    size_t offset; /* into θ */
    size_t count;  /* elements */
    size_t rank;
    size_t shape[IML_RANK_MAX]; /* as the outside sees it */
    bool is_transposed;
    bool is_kernel; /* a linear or convolution layer's weight: not a bias, γ or β */
    bool is_scale;  /* γ */
};

struct iml_net;

/* Describes the net: counts, blocks. No buffers yet. Free with iml_net_free. */
IML_MUST_USE enum iml_code iml_net_new(const struct iml_net_options *options, struct iml_net **net,
                                       struct iml_error *error);
void iml_net_free(struct iml_net *net);

size_t iml_net_inputs(const struct iml_net *net);
size_t iml_net_outputs(const struct iml_net *net);
size_t iml_net_parameters(const struct iml_net *net); /* P */
size_t iml_net_block_count(const struct iml_net *net);
const struct iml_block *iml_net_block(const struct iml_net *net, size_t i);
size_t iml_net_layer_count(const struct iml_net *net); /* layers with parameters */

/* Outside order → inside order and back; P elements each, not overlapping. */
void iml_net_import(const struct iml_net *net, const iml_real *outside, iml_real *inside);
void iml_net_export(const struct iml_net *net, const iml_real *inside, iml_real *outside);

/* Initial θ by the options' scheme, from (seed, IML_PURPOSE_INITIALIZATION); in the outside's order
 * of draws, one stream index a block. */
void iml_net_initialize(const struct iml_net *net, uint32_t seed, iml_real *theta);

/* Registers a vector of θ's shape, one item a block: PREFIX + block name + SUFFIX
 * ("parameters/" "linear1.weight" ""). */
IML_MUST_USE enum iml_code iml_net_register(const struct iml_net *net,
                                            struct iml_registry *registry, const char *prefix,
                                            const char *suffix, iml_real *vector,
                                            struct iml_error *error);

/* Running statistics: of every batch norm layer the mean and the unbiased variance that evaluation
 * uses, one vector, no part of θ: only a training step changes it (iml_update_statistics). Count: 0
 * without batch norm. Initially means 0, variances 1. Registered as PREFIX + the layer's name + "."
 * + "running_mean" and "running_var". */
size_t iml_net_statistics(const struct iml_net *net);
void iml_net_initialize_statistics(const struct iml_net *net, iml_real *statistics);
IML_MUST_USE enum iml_code iml_net_register_statistics(const struct iml_net *net,
                                                       struct iml_registry *registry,
                                                       const char *prefix, iml_real *statistics,
                                                       struct iml_error *error);

enum iml_batch_norm { IML_BATCH_NORM_RUNNING, IML_BATCH_NORM_BATCH };

/* Which dropout masks: that of row i is drawn from (seed, IML_PURPOSE_DROPOUT, index first_index +
 * i, pass). */
struct iml_dropout_key {
    bool is_on;
    uint32_t seed, first_index, pass;
};

/* The function that a net is for one call (MATH §2, "One function"). All zero is evaluation mode:
 * running statistics, no dropout. A training step takes IML_BATCH_NORM_BATCH and dropout; what
 * linearizes holds the mode, masks included, for all its products. Nets without such layers are the
 * same function in every mode. */
struct iml_mode {
    enum iml_batch_norm batch_norm;
    const iml_real
        *statistics; /* borrowed; needed by IML_BATCH_NORM_RUNNING where the net has any */
    struct iml_dropout_key dropout;
    /* of a net that keeps_kinks: the signs of relu and leaky_relu, and the winners of pools, are
     * those of the evaluator's last call without it, for the same rows: a smooth function */
    bool holds_kinks;
};

struct iml_evaluator;

/* The weights of a chooser as functions of θ through the rows' features, the inputs of the net's
 * last layer (MATH §3.4, through_features). Each is called once a way, on the caller's thread, with
 * the chooser's context; what they read and write of the features: engine/net/features.h. */
struct iml_coupling {
    /* a product's tangents have reached the loss: fills weight_tangents */
    void (*tangent)(void *context, const struct iml_evaluator *evaluator);
    /* the way down has reached the features: adds what flows back from the weights to their
     * adjoints (a gradient's, a linearization's), or adjoint tangents (a product's) */
    void (*adjoint)(void *context, const struct iml_evaluator *evaluator);
    void (*adjoint_tangent)(void *context, const struct iml_evaluator *evaluator);
    const iml_real *weight_tangents; /* borrowed, rows: ẇᵢ */
    iml_real *loss_tangents;         /* borrowed, rows: receives ℓ̇ᵢ of a product */
};

/* Labels and weights that depend on the batch's own outputs (FIXMATCH 1.3). A way up ends at its
 * logits, `choose` is called once, on the caller's thread, and the loss and the way down take what
 * the batch's labels (or targets) and weights then are: constants, with no derivative through the
 * choice, unless there is a coupling. Products of a linearization hold what was chosen. */
struct iml_chooser {
    /* logits: rows × outputs; evaluator: for the features; fills what the batch's labels, targets
     * and weights point to. May use other evaluators of the same team. */
    void (*choose)(void *context, const struct iml_evaluator *evaluator, size_t rows,
                   const iml_real *logits);
    void *context;
    iml_real *losses; /* borrowed, rows: receives ℓᵢ; NULL: not wanted */
    /* NULL: what is chosen is constant. Products are then of the Hessian alone, not of
     * Gauss–Newton, and the net has a hidden layer. */
    const struct iml_coupling *coupling;
};

/* Targets and weights of a batch. */
struct iml_batch {
    size_t rows;
    const iml_real *inputs;  /* rows × inputs */
    const uint32_t *labels;  /* rows; NULL where targets is given */
    const iml_real *targets; /* rows × outputs: distributions (cross-entropy) or values (squared
                                error); NULL where labels is given */
    const iml_real *target_tangents; /* rows × outputs, of inner_product: ṫ in products; NULL: 0 */
    const iml_real *weights;         /* rows; NULL: all 1 */
    double divisor; /* N of (1/N) Σ wᵢ ℓᵢ; the batch's size unless said otherwise */
    struct iml_mode mode;
    const struct iml_chooser *chooser; /* borrowed; NULL: labels and weights are there already */
};

/* Buffers of a net for batches of up to `rows` rows: one evaluator each for training, curvature and
 * evaluation (struct iml_evaluator). Laid out in an arena (measuring or open).
 *
 * What an evaluator is for: iml_evaluate alone (an edge's memory is then used again by later ones),
 * iml_gradient too, linearizations too; chained: linearizations of a part of a larger function,
 * with tangents and adjoints of the inputs (engine/net/features.h). */
enum iml_evaluator_use {
    IML_EVALUATOR_VALUES,
    IML_EVALUATOR_GRADIENT,
    IML_EVALUATOR_PRODUCTS,
    IML_EVALUATOR_CHAINED
};

/* Bytes are planned, buffers taken; with a measuring arena *evaluator is still made (so that sizes
 * can be asked) but can't run. Free with iml_evaluator_free. wants_products: buffers for tangents
 * and adjoint tangents too (linearize needs them), else for gradients. team is borrowed; for
 * products, and of a net with convolutions, it has at most the net's threads. */
IML_MUST_USE enum iml_code iml_evaluator_new(const struct iml_net *net, size_t rows,
                                             bool wants_products, struct iml_team *team,
                                             struct iml_arena *arena,
                                             struct iml_evaluator **evaluator,
                                             struct iml_error *error);
IML_MUST_USE enum iml_code iml_evaluator_new_for(const struct iml_net *net, size_t rows,
                                                 enum iml_evaluator_use use, struct iml_team *team,
                                                 struct iml_arena *arena,
                                                 struct iml_evaluator **evaluator,
                                                 struct iml_error *error);
void iml_evaluator_free(struct iml_evaluator *evaluator);

struct iml_batch_result {
    double loss;     /* (1/N) Σ wᵢ ℓᵢ, in nats */
    double loss_sum; /* Σ ℓᵢ, no weights */
    size_t correct;  /* rows whose first largest output is the label (or the largest target) */
};

/* Forward only. losses (rows, may be NULL) receives ℓᵢ, logits (rows × outputs, may be NULL) z.
 * IML_ERROR_CANCELLED: the flag was seen; outputs are then meaningless. */
IML_MUST_USE enum iml_code iml_evaluate(struct iml_evaluator *self, const iml_real *theta,
                                        const struct iml_batch *batch,
                                        struct iml_batch_result *result, iml_real *losses,
                                        iml_real *logits, struct iml_error *error);

/* Forward and backward: gradient = d∘θ + ∇θ of the batch's loss, where d (P, may be NULL) is the
 * diagonal of the regularizer ½ Σ dⱼθⱼ². result->loss is without the regularizer. */
IML_MUST_USE enum iml_code iml_gradient(struct iml_evaluator *self, const iml_real *theta,
                                        const struct iml_batch *batch, const iml_real *diagonal,
                                        iml_real *gradient, struct iml_batch_result *result,
                                        struct iml_error *error);

/* What is done with a gradient or a product (out) while its parts are in cache. take gets elements
 * first … first + count − 1 of it, which it may change, as it may those of the vector that the
 * regularizer's term was made of (θ, or a product's direction): nothing else reads them any more.
 * It runs in the team's threads, once for each part; together the parts are all of out. */
struct iml_consumer {
    double (*take)(void *context, size_t first, size_t count, iml_real *out);
    void *context;
};

/* iml_gradient with a consumer: an optimizer that moves θ in the same pass. After
 * IML_ERROR_CANCELLED some parts were given and others not. */
IML_MUST_USE enum iml_code iml_gradient_consume(struct iml_evaluator *self, const iml_real *theta,
                                                const struct iml_batch *batch,
                                                const iml_real *diagonal, iml_real *gradient,
                                                const struct iml_consumer *consumer,
                                                struct iml_batch_result *result,
                                                struct iml_error *error);

/* Whether the net's rows are images (convolutions): its activations are large. */
bool iml_net_is_of_images(const struct iml_net *net);

/* Moves running statistics towards those of the batch that `self` has last gone forward with, in
 * IML_BATCH_NORM_BATCH: r ← (1 − momentum)·r + momentum·s, s the batch's mean and unbiased variance
 * (PyTorch's convention; FIXMATCH 1.9). Of a batch of one row the variance counts as 0. */
void iml_update_statistics(const struct iml_evaluator *self, double momentum, iml_real *statistics);

#endif
