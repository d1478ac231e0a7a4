/* trainer.h: a training algorithm as a state machine. The run loop knows only this (DESIGN §3). */
#ifndef IMLD_TRAINER_H
#define IMLD_TRAINER_H

#include <stdatomic.h>

#include "imld/arena.h"
#include "imld/augment.h"
#include "imld/curvature.h"
#include "imld/dataset.h"
#include "imld/diagnostics.h"
#include "imld/knowledge.h"
#include "imld/net.h"
#include "imld/optimizer.h"
#include "imld/pool.h"
#include "imld/registry.h"

enum iml_pixels { IML_PIXELS_STANDARDIZED, IML_PIXELS_SYMMETRIC, IML_PIXELS_UNIT };

/* What is seen of an image in training: itself, or its weak view (FIXMATCH 3.1). */
enum iml_views { IML_VIEWS_NONE, IML_VIEWS_WEAK };

struct iml_data_options {
    const char *set;   /* "synthetic": the problem that `synthetic` tells */
    size_t train;      /* images drawn for training; 0: all that remain after validation */
    size_t validation; /* images */
    size_t test;       /* the first n of the test split; 0: all */
    enum iml_pixels pixels;
    struct iml_synthetic_options synthetic;
    /* labels above 0: so many training images, split off as FIXMATCH 4.1 has it (`train` is then
     * 0; pool.validation is not looked at), and fixmatch's pool. What it points to is borrowed
     * until open or plan returns. */
    struct iml_pool_options pool;
    uint8_t known[IML_CLASSES_MAX]; /* room for what pool.known may point to */
    const char *extra_set; /* the pool's second set, by name, under the roots; NULL: none, or facts
                              are in pool.extra already */
    enum iml_views views;
    enum iml_view_flip flip; /* of all views: the pool's too */
    /* with few labels: the validation images are trained on, too, with their labels, and none is
     * left to measure (FIXMATCH 4.8); they stay out of the pool */
    bool trains_on_validation;
};

struct iml_model_options {
    const struct iml_model_kind
        *kind; /* NULL: mlp, which takes what follows up to has_batch_norm */
    size_t hidden[IML_HIDDEN_MAX];
    size_t hidden_count;
    enum iml_activation activation;
    enum iml_initialization initialization;
    double slope;   /* of leaky_relu */
    double dropout; /* rate; 0: none */
    double batch_norm_epsilon;
    double batch_norm_momentum; /* share of the batch in an update of the running statistics */
    bool has_batch_norm;
    size_t depth, widening; /* wrn */
    enum iml_convolution_method convolution;
};

/* Inner steps until one of two bounds is met (MATH §6); both 0: by count of steps alone. Each look
 * costs a gradient per bound on as many images as a curvature batch has. */
struct iml_until {
    double gradient_norm; /* of the training gradient on a fixed monitoring batch; 0: not asked */
    bool is_relative;     /* to its value right after the last update (for warm-up: at step 0) */
    /* |q·g| / |∇λL·Δλ| with q of the last update, Δλ of the last that moved λ and g the training
     * gradient at the θ at hand on that update's curvature batch; 0: not asked. Not for warm-up. */
    double remaining_ratio;
    size_t min_steps, max_steps;
    size_t check_every; /* steps between two looks, the first after min_steps; 0 is 1 */
};

/* The learning rate η_k of step k of K: η, or η cos(7πk/(16K)), FIXMATCH 1.7. */
enum iml_schedule { IML_SCHEDULE_CONSTANT, IML_SCHEDULE_COSINE };

/* The moving average θ̄ of θ and the share d_k that it keeps of itself at step k (FIXMATCH 1.8):
 * `decay`, with has_warmup at most (1 + k)/(10 + k). Where it is on, evaluations are of θ̄, and
 * running statistics keep d_k of themselves, too (1.9). */
struct iml_average_options {
    bool is_on, has_warmup;
    double decay;
};

struct iml_inner_options {
    struct iml_optimizer_options optimizer;
    size_t batch;
    size_t steps; /* all but iml: steps in all */
    /* all but iml */
    double weight_decay; /* δ of (δ/2) Σ ‖W‖² over the kernels (FIXMATCH 1.6) */
    enum iml_schedule schedule;
    struct iml_average_options average;
    size_t warmup_steps; /* iml, confidence: steps before the first update, where warmup_until is
                            not used */
    struct iml_until warmup_until;
    size_t steps_per_update; /* confidence; iml, where until is not used */
    struct iml_until until;  /* iml: between two updates */
};

/* fixmatch (FIXMATCH §1): pool images a labeled one, μ; the least confidence of a pseudo label, τ;
 * the weight of the pool's loss, λ_u. */
struct iml_consistency_options {
    size_t ratio;
    double threshold, weight;
};

/* Zero is the default of both. fixed: one mask an update, the same in all products of a solve. */
enum iml_curvature_batch_norm { IML_CURVATURE_NORM_BATCH, IML_CURVATURE_NORM_RUNNING };
enum iml_curvature_dropout { IML_CURVATURE_DROPOUT_OFF, IML_CURVATURE_DROPOUT_FIXED };

/* A bound that is asked or not; zero: not. */
struct iml_bound {
    bool is_asked;
    double value;
};

/* confidence: which images v is of: validation images, or the labeled training images as they are
 * (FIXMATCH 6.1). */
enum iml_validation_from { IML_VALIDATION_HELD_OUT, IML_VALIDATION_LABELED };

struct iml_meta_options {
    struct iml_knowledge_options knowledge;
    struct iml_optimizer_options optimizer;
    size_t updates; /* confidence: what its steps allow */
    /* confidence: of λ's optimizer: η, or η (1 + cos(πk/U))/2 at update k of U */
    enum iml_schedule schedule;
    size_t validation_batch; /* images of the validation batch, at most all */
    enum iml_validation_from validation_from;
    /* images of the curvature batch; confidence: its rows [α(x); α(u); 𝒜(u)], 0: as many as a
     * training step has */
    size_t curvature_batch;
    enum iml_curvature_kind curvature_kind;
    /* the function that is linearized: by default the one that training minimizes, without dropout
     * (MATH §2). v is always that of evaluation mode. */
    enum iml_curvature_batch_norm curvature_batch_norm;
    enum iml_curvature_dropout curvature_dropout;
    struct iml_solver_options solver;
    enum iml_on_failure on_failure; /* what is done with an estimate that fails (MATH §5.6) */
    struct iml_bound residual_below, cosine_above, norm_below; /* see struct iml_gate_options */
    unsigned stalled_after; /* skips in a row until the warning; 0: 10 */
};

/* Looks at an estimate beside the update that made it (MATH §5), taken at the first update and at
 * each whose number, from 1, is a multiple of every_updates; 0: never. What a look tells is in rows
 * and artifacts; all else keeps its bits. */
struct iml_residual_look {
    size_t every_updates;
};
struct iml_lens_look {
    size_t every_updates;
    unsigned steps; /* m ≥ 2 */
};
struct iml_spectrum_look {
    size_t every_updates;
    unsigned probes, steps, top; /* see struct iml_spectrum_options */
};
struct iml_reference_look {
    size_t every_updates;
    size_t max_parameters;  /* up to it the reference is exact, above it by minres */
    double target_residual; /* of minres */
    unsigned max_products;  /* of minres */
};
struct iml_variance_look {
    size_t every_updates;
    size_t pairs; /* r ≥ 2 batch pairs, the update's own among them */
};
struct iml_diagnostics_options {
    struct iml_residual_look residual;
    struct iml_lens_look lens;
    struct iml_spectrum_look spectrum;
    struct iml_reference_look reference;
    struct iml_variance_look variance;
};

/* compare: the solvers that estimate one q beside each other, and the reference: exact where the
 * net has at most max_parameters, else minres until its target (MATH §5.4). */
#define IML_COMPARED_MAX 16
struct iml_compared {
    const char *name; /* borrowed for the trainer's life */
    struct iml_solver_options solver;
};
struct iml_compare_options {
    struct iml_compared solvers[IML_COMPARED_MAX];
    size_t count;
    size_t max_parameters;
    unsigned max_products;
    double target_residual;
};

struct iml_trainer_kind;

struct iml_trainer_options {
    const struct iml_trainer_kind *kind;
    struct iml_data_options data;
    struct iml_model_options model;
    struct iml_inner_options inner;
    struct iml_consistency_options consistency; /* fixmatch, confidence */
    struct iml_weigher_options confidence;      /* confidence only */
    /* iml, confidence; verify and compare: knowledge (kind NULL: there is no λ), batches and
     * curvature */
    struct iml_meta_options meta;
    struct iml_diagnostics_options diagnostics; /* iml, confidence */
    struct iml_compare_options compare;         /* compare only */
    size_t evaluation_every;                    /* iml: updates; others: steps */
    uint32_t seed;
    bool has_split_seed; /* the split is drawn with split_seed in place of seed (DESIGN §4: from) */
    uint32_t split_seed;
    unsigned threads;
    int nice;                   /* of the helper threads; the run's own thread is the caller's */
    struct iml_set_roots roots; /* borrowed until open returns; plan needs them for extra_set */
};

/* Rows that one call of step or evaluate has to tell. Names are those of the metric table. */
#define IML_ROWS_MAX 128
struct iml_row {
    const char *metric; /* a string literal */
    double value;       /* may be NaN or infinite */
};
struct iml_rows {
    struct iml_row rows[IML_ROWS_MAX];
    size_t count;
};

/* What a step has to say in words: an event of the job. */
#define IML_NOTES_MAX 4
#define IML_NOTE_TEXT_MAX 160
enum iml_note_kind {
    IML_NOTE_WARNING,
    IML_NOTE_ESTIMATE_FAILED, /* MATH §5.6 */
    IML_NOTE_SMALL_WEIGHTS,   /* FIXMATCH 6.1: a mean below 1e-3 */
    IML_NOTE_KINDS,
};
const char *iml_note_kind_name(enum iml_note_kind kind); /* "warning", …: the event's kind */
struct iml_note {
    enum iml_note_kind kind;
    char what[IML_NOTE_TEXT_MAX]; /* the fact with its numbers */
    const char *mend;             /* what to do about it; a string literal */
};

/* What a step or an evaluation measured that is more than a number a step: a curve, a spectrum, a
 * report (MATH §5). A list of named entries; an entry is one of a text, texts, or numbers of shape
 * rows × columns (rows 0: a single number; columns 0: a list of `rows`). Numbers may be NaN or
 * infinite. */
#define IML_ENTRIES_MAX 64
struct iml_entry {
    const char *name;
    const char *text;         /* a text, or NULL */
    const char *const *texts; /* `rows` texts, or NULL */
    const double *values;     /* row-major, or NULL */
    size_t rows, columns;
};
struct iml_artifact {
    const char *name; /* "lens", "spectrum", "verify", …: [a-z_]+, a string literal */
    struct iml_entry entries[IML_ENTRIES_MAX];
    size_t count;
};

/* Where a run stands. */
struct iml_progress {
    uint64_t step;     /* inner steps done: the x-axis of every metric */
    uint64_t steps_of; /* in all; 0: not known (a warm-up or inner loop by a bound) */
    uint64_t update;   /* updates of λ done (iml) */
    uint64_t updates_of;
    bool is_evaluation_due; /* call iml_trainer_evaluate before the next step */
    bool is_finished;
    bool is_report;    /* it trains nothing: its losses say nothing about a divergence */
    double last_loss;  /* train/loss of the last step, or a row's that is not finite; NaN before */
    double first_loss; /* that of step 0: what `divergence` compares with; NaN before the first */
};

struct iml_trainer;

struct iml_trainer_kind {
    const char *name; /* "supervised", "iml", "fixmatch", "confidence", "verify", "compare" */
    const struct iml_trainer_methods *methods; /* private: engine/trainer/ */
};

extern const struct iml_trainer_kind *const iml_trainer_kinds[]; /* ends with NULL */
const struct iml_trainer_kind *iml_trainer_kind_find(const char *name);

/* Facts of the job's data: of its set under the roots, or of its synthetic problem. */
IML_MUST_USE enum iml_code iml_trainer_facts(const struct iml_data_options *data,
                                             const struct iml_set_roots *roots,
                                             struct iml_set_facts *facts, struct iml_error *error);

/* Checks counts against the data set's facts and plans all memory; allocates next to nothing and
 * reads no image. The plan holds everything that open will allocate, data included. */
IML_MUST_USE enum iml_code iml_trainer_plan(const struct iml_trainer_options *options,
                                            const struct iml_set_facts *facts,
                                            struct iml_plan *plan, struct iml_error *error);

/* How many numbers of a kind the job's confidence network reads of an image, which is what must be
 * equal for it to weigh another job's pool: its channels, class probabilities, or features of the
 * base net. 0: it has no network. */
IML_MUST_USE enum iml_code iml_trainer_network_reads(const struct iml_trainer_options *options,
                                                     const struct iml_set_facts *facts,
                                                     size_t *count, struct iml_error *error);

/* The steps of a run in all, as iml_trainer_progress tells them; 0: a bound ends them. */
uint64_t iml_trainer_steps(const struct iml_trainer_options *options);

/* Reads the data, draws the split, takes all memory, initializes θ and λ, starts the team. cancel
 * is borrowed. After open nothing allocates. */
IML_MUST_USE enum iml_code iml_trainer_open(const struct iml_trainer_options *options,
                                            const atomic_bool *cancel, struct iml_trainer **trainer,
                                            struct iml_error *error);
void iml_trainer_close(struct iml_trainer *trainer);

/* One inner step, or one update of λ (which leaves `step` as it is). Adds to rows what it measured
 * (rows->count is reset first). IML_ERROR_CANCELLED: the step was abandoned, the memory is no
 * longer a state: go on only from a checkpoint. A loss that is not finite is no error: it is in the
 * rows. */
IML_MUST_USE enum iml_code iml_trainer_step(struct iml_trainer *trainer, struct iml_rows *rows,
                                            struct iml_error *error);

/* All of validation and test, and train/loss and train/accuracy as means over the steps since the
 * last evaluation. Clears is_evaluation_due. Changes nothing that a step depends on. */
IML_MUST_USE enum iml_code iml_trainer_evaluate(struct iml_trainer *trainer, struct iml_rows *rows,
                                                struct iml_error *error);

/* Validation and test alone, of the state at hand, without touching the means or what is due: for
 * restored best weights. */
IML_MUST_USE enum iml_code iml_trainer_evaluate_state(struct iml_trainer *trainer,
                                                      struct iml_rows *rows,
                                                      struct iml_error *error);

/* The artifacts that the last call of step or evaluate made; count may be 0. Borrowed until the
 * next call of either. At most one of a name; it belongs to the step that progress tells. */
const struct iml_artifact *iml_trainer_artifacts(const struct iml_trainer *trainer, size_t *count);

/* The notes of the last step; count may be 0. Borrowed until the next step or evaluation. A run
 * that goes on from a checkpoint may say again what it said after it. */
const struct iml_note *iml_trainer_notes(const struct iml_trainer *trainer, size_t *count);

struct iml_progress iml_trainer_progress(const struct iml_trainer *trainer);

/* What must survive a restart. After the items have been imported call iml_trainer_restored, which
 * recomputes what is derived from them. */
const struct iml_registry *iml_trainer_registry(const struct iml_trainer *trainer);
IML_MUST_USE enum iml_code iml_trainer_restored(struct iml_trainer *trainer,
                                                struct iml_error *error);

/* The same after another run's weights have been imported into a run that has not begun: θ̄ starts
 * from them. */
IML_MUST_USE enum iml_code iml_trainer_imported(struct iml_trainer *trainer,
                                                struct iml_error *error);

/* The planned memory as it was taken, and the split: the file indices of training and validation
 * images and, with few labels, of the pool (of the own set, then those of the second set), also
 * where the job is the baseline, which reads no image of it. The caller makes a hash of these for
 * the API: 64 hexadecimal digits of SHA-256. */
const struct iml_plan *iml_trainer_memory(const struct iml_trainer *trainer);
struct iml_split_view {
    const uint32_t *train, *validation; /* indices in file order of the train split */
    size_t train_count, validation_count, test_count;
    const uint32_t *pool; /* indices in file order of each set */
    size_t pool_count;
};
struct iml_split_view iml_trainer_split(const struct iml_trainer *trainer);

/* For tests: fills everything that steps write (all arenas but the one of images and split, which
 * open has read from files) with `byte`, so that the registry test sees what a checkpoint does not
 * restore: with 0xFF, which makes each number a NaN, and with 0xA5, finite numbers so small that
 * they may be lost in a sum, but which no comparison skips. */
void iml_trainer_poison(struct iml_trainer *trainer, unsigned char byte);

/* The BLAS kernel the bits depend on, e.g. "OpenBLAS 0.3.21 Zen"; never NULL. */
const char *iml_cpu_kernel(void);

#endif
