/* pool_share.c: what a job asks of its pool, as counts a class (FIXMATCH 4.1 to 4.6); see pool.h.
 */
#include <math.h>
#include <string.h>

#include "engine/data/pool.h"

enum { GROUPS = 2, OTHERS = 0, KNOWN = 1 };

/* What the protocols share out. A group's array has the images of its classes alone. */
struct sharing {
    const struct iml_set_facts *facts;
    const struct iml_pool_options *options;
    struct iml_pool_counts *counts;
    size_t images[GROUPS][IML_CLASSES_MAX]; /* of the train split */
    size_t taken[IML_CLASSES_MAX];          /* not for the pool: validation, labeled if left out */
};

/* Adds to an error where it is and what mends it. */
static enum iml_code refuse(enum iml_code code, struct iml_error *error, const char *pointer,
                            const char *mend)
{
    iml_error_where(error, "%s", pointer);
    iml_error_mend(error, "%s", mend);
    return code;
}

/* Halves up; what no set has images for stays a number that can be shown. */
static size_t round_size(double value)
{
    return (size_t)round(fmin(value, 1e15));
}

static size_t sum(const size_t counts[IML_CLASSES_MAX])
{
    size_t total = 0;
    for (size_t c = 0; c < IML_CLASSES_MAX; c++) total += counts[c];
    return total;
}

/* --- validation and labeled images --- */

static enum iml_code check_multiple(size_t labels, size_t classes, struct iml_error *error)
{
    static const char mend[] = "each class has as many labels as each other";
    const size_t below = labels / classes * classes;
    if (labels > 0 && labels == below) return IML_OK;
    if (below == 0) {
        return refuse(iml_error_set(error, IML_ERROR_LIMIT,
                                    "%zu labels for %zu classes: %zu are the fewest, one a class",
                                    labels, classes, classes),
                      error, "/data/labels", mend);
    }
    return refuse(iml_error_set(error, IML_ERROR_LIMIT,
                                "%zu labels are no multiple of the %zu classes: the nearest that "
                                "are: %zu and %zu",
                                labels, classes, below, below + classes),
                  error, "/data/labels", mend);
}

static enum iml_code share_split(struct sharing *self, struct iml_error *error)
{
    const struct iml_pool_options *options = self->options;
    struct iml_split_counts *split = &self->counts->split;
    enum iml_code code = check_multiple(options->labels, self->counts->known.count, error);
    if (code == IML_OK)
        code = iml_split_spread(self->images[KNOWN], NULL, options->validation, "validation",
                                "/data/validation", split->validation, error);
    if (code == IML_OK)
        code = iml_split_spread(self->images[KNOWN], split->validation, options->labels, "labeled",
                                "/data/labels", split->train, error);
    split->validation_total = options->validation;
    split->train_total = options->labels;
    return code;
}

/* --- the pool's own images --- */

/* Images of a class that the pool may have. */
static size_t room(const struct sharing *self, size_t c)
{
    return self->facts->train_class_images[c] - self->taken[c];
}

/* The most that can be spread evenly over a group's classes: the smallest room in each, and one
 * more in the first classes that have it. */
static size_t most_of(const struct sharing *self, int group)
{
    size_t smallest = SIZE_MAX, classes = 0, more = 0;
    bool is_leading = true;
    for (size_t c = 0; c < IML_CLASSES_MAX; c++) {
        if (self->images[group][c] == 0) continue;
        classes++;
        if (room(self, c) < smallest) smallest = room(self, c);
    }
    for (size_t c = 0; c < IML_CLASSES_MAX && is_leading; c++) {
        if (self->images[group][c] == 0) continue;
        is_leading = room(self, c) > smallest;
        more += is_leading ? 1 : 0;
    }
    return classes > 0 ? smallest * classes + more : 0;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Adds total images of a group, spread evenly. */
static enum iml_code add_group(struct sharing *self, int group, size_t total,
                               struct iml_error *error)
{
    static const char *const names[GROUPS] = {
        [OTHERS] = "out-of-distribution pool", [KNOWN] = "in-distribution pool"};
    size_t shares[IML_CLASSES_MAX];
    if (total > 0 && sum(self->images[group]) == 0) {
        const enum iml_code code =
            iml_error_set(error, IML_ERROR_LIMIT, "%zu %s images, and no class to take them from",
                          total, names[group]);
        return refuse(code, error, "/data/mismatch/known", "leave out some of the known classes");
    }
    const enum iml_code code = iml_split_spread(self->images[group], self->taken, total,
                                                names[group], "/data/unlabeled", shares, error);
    for (size_t c = 0; c < IML_CLASSES_MAX && code == IML_OK; c++)
        self->counts->own[c] += shares[c];
    return code;
}

/* The default size must do for every share: without another class there is none. */
static enum iml_code check_others(const struct sharing *self, struct iml_error *error)
{
    if (self->options->unlabeled || sum(self->images[OTHERS]) > 0) return IML_OK;
    const enum iml_code code = iml_error_set(
        error, IML_ERROR_LIMIT, "each of the set's %zu classes is known: none is left to mismatch",
        self->counts->known.count);
    return refuse(code, error, "/data/mismatch/known",
                  "leave out some of the known classes, or leave out data.mismatch");
}

static enum iml_code fixed_pool(struct sharing *self, struct iml_error *error)
{
    const enum iml_code wrong = check_others(self, error);
    if (wrong != IML_OK) return wrong;
    const double share = self->options->share;
    const size_t n = self->options->unlabeled
                         ? self->options->unlabeled
                         : smaller(most_of(self, KNOWN), most_of(self, OTHERS));
    const size_t others = round_size(share * (double)n);
    const enum iml_code code = add_group(self, OTHERS, others, error);
    return code == IML_OK ? add_group(self, KNOWN, n - others, error) : code;
}

static enum iml_code fixed_in_distribution(struct sharing *self, struct iml_error *error)
{
    const enum iml_code wrong = check_others(self, error);
    if (wrong != IML_OK) return wrong;
    const double all = 1, three_quarters = 0.75;
    const double share = self->options->share < all ? self->options->share : three_quarters;
    const size_t n = self->options->unlabeled
                         ? self->options->unlabeled
                         : smaller(most_of(self, KNOWN), most_of(self, OTHERS) / 3);
    const size_t others = round_size((double)n * share / (1 - share));
    const enum iml_code code = add_group(self, OTHERS, others, error);
    if (code != IML_OK || self->options->share >= all) return code;
    return add_group(self, KNOWN, n, error);
}

/* Takes n of the images that self->counts->own has so far, by largest remainder, of equals the
 * first class. */
static enum iml_code cap(struct sharing *self, size_t n, struct iml_error *error)
{
    size_t *const own = self->counts->own;
    size_t remainders[IML_CLASSES_MAX], given = 0;
    const size_t total = sum(own);
    if (n > total) {
        const enum iml_code code = iml_error_set(
            error, IML_ERROR_LIMIT, "%zu unlabeled images where %zu are there", n, total);
        return refuse(code, error, "/data/unlabeled", "ask for fewer, or leave it out to take all");
    }
    for (size_t c = 0; c < IML_CLASSES_MAX; c++) { /* both factors are below 2³² */
        remainders[c] = total > 0 ? n * own[c] % total : 0;
        own[c] = total > 0 ? n * own[c] / total : 0;
        given += own[c];
    }
    for (; given < n; given++) {
        size_t largest = 0;
        for (size_t c = 1; c < IML_CLASSES_MAX; c++) {
            if (remainders[c] > remainders[largest]) largest = c;
        }
        own[largest]++;
        remainders[largest] = 0;
    }
    return IML_OK;
}

static enum iml_code cap_if_asked(struct sharing *self, struct iml_error *error)
{
    return self->options->unlabeled ? cap(self, self->options->unlabeled, error) : IML_OK;
}

static enum iml_code no_mismatch(struct sharing *self, struct iml_error *error)
{
    for (size_t c = 0; c < IML_CLASSES_MAX; c++) self->counts->own[c] = room(self, c);
    return cap_if_asked(self, error);
}

/* Oliver et al. 2018: four classes of CIFAR-10 at each share. */
enum { OLIVER_CLASSES = 4, OLIVER_FIRST_KNOWN = 2, OLIVER_LAST_KNOWN = 7, CIFAR10_CLASSES = 10 };
static const struct oliver {
    double share;
    uint8_t classes[OLIVER_CLASSES];
} oliver_rows[] = {{0, {4, 5, 6, 7}},
                   {0.25, {0, 5, 6, 7}},
                   {0.5, {0, 1, 6, 7}},
                   {0.75, {0, 1, 7, 8}},
                   {1, {0, 1, 8, 9}}};

static const struct oliver *find_oliver(double share)
{
    for (size_t i = 0; i < sizeof oliver_rows / sizeof oliver_rows[0]; i++) {
        if (oliver_rows[i].share == share) return &oliver_rows[i];
    }
    return NULL;
}

/* The classes that its rows are about: ten, 2 … 7 of them known. */
static bool is_oliver_task(const struct sharing *self)
{
    if (self->facts->classes != CIFAR10_CLASSES) return false;
    for (size_t c = 0; c < CIFAR10_CLASSES; c++) {
        const bool is_known = c >= OLIVER_FIRST_KNOWN && c <= OLIVER_LAST_KNOWN;
        if (self->counts->known.has[c] != is_known) return false;
    }
    return true;
}

static enum iml_code oliver2018(struct sharing *self, struct iml_error *error)
{
    const struct oliver *row = find_oliver(self->options->share);
    if (!row) {
        const enum iml_code code =
            iml_error_set(error, IML_ERROR_LIMIT,
                          "oliver2018 has no pool for a share of %g: 0, 0.25, 0.5, 0.75 and 1",
                          self->options->share);
        return refuse(code, error, "/data/mismatch/share", "the other protocols take any share");
    }
    if (!is_oliver_task(self)) {
        const enum iml_code code = iml_error_set(
            error, IML_ERROR_LIMIT, "oliver2018 is for ten classes of which 2 to 7 are known");
        return refuse(code, error, "/data/mismatch/protocol", "the other protocols take any set");
    }
    /* the labeled images are in the pool whatever their class (FIXMATCH 4.3) but at share 1 */
    if (!self->options->leaves_out_labeled && self->options->share < 1)
        memcpy(self->counts->own, self->counts->split.train, sizeof self->counts->own);
    for (size_t i = 0; i < OLIVER_CLASSES; i++)
        self->counts->own[row->classes[i]] = room(self, row->classes[i]);
    return cap_if_asked(self, error);
}

static const struct protocol {
    const char *name;
    enum iml_code (*share)(struct sharing *self, struct iml_error *error);
} protocols[IML_MISMATCH_COUNT] = {
    [IML_MISMATCH_NONE] = {"none", no_mismatch},
    [IML_MISMATCH_FIXED_POOL] = {"fixed_pool", fixed_pool},
    [IML_MISMATCH_FIXED_IN_DISTRIBUTION] = {"fixed_in_distribution", fixed_in_distribution},
    [IML_MISMATCH_OLIVER2018] = {"oliver2018", oliver2018},
};

const char *iml_mismatch_name(enum iml_mismatch mismatch)
{
    return protocols[mismatch].name;
}

static enum iml_code share_own(struct sharing *self, struct iml_error *error)
{
    const bool leaves_out = self->options->leaves_out_labeled;
    struct iml_pool_counts *counts = self->counts;
    for (size_t c = 0; c < IML_CLASSES_MAX; c++) {
        counts->first[c] = leaves_out ? counts->split.train[c] : 0;
        self->taken[c] = counts->split.validation[c] + counts->first[c];
    }
    const enum iml_code code = protocols[self->options->mismatch].share(self, error);
    counts->own_total = sum(counts->own);
    return code;
}

/* --- images of a second set --- */

static enum iml_code check_extra(const struct iml_set_facts *facts,
                                 const struct iml_set_facts *extra, struct iml_error *error)
{
    if (strcmp(facts->name, extra->name) == 0) {
        const enum iml_code code = iml_error_set(
            error, IML_ERROR_ARGUMENT,
            "%s is the set itself: validation images would come into the pool", extra->name);
        return refuse(code, error, "/data/unlabeled_extra/set", "name another set");
    }
    if (facts->channels == extra->channels && facts->height == extra->height &&
        facts->width == extra->width)
        return IML_OK;
    const enum iml_code code =
        iml_error_set(error, IML_ERROR_ARGUMENT,
                      "images of %s have %zu channels of %zu × %zu pixels, those of %s %zu of "
                      "%zu × %zu",
                      extra->name, extra->channels, extra->height, extra->width, facts->name,
                      facts->channels, facts->height, facts->width);
    return refuse(code, error, "/data/unlabeled_extra/set",
                  "name a set of images of the same shape");
}

static enum iml_code share_extra(struct sharing *self, struct iml_error *error)
{
    const struct iml_pool_options *options = self->options;
    const struct iml_set_facts *extra = options->extra;
    if (!extra) return IML_OK;
    const enum iml_code wrong = check_extra(self->facts, extra, error);
    if (wrong != IML_OK) return wrong;
    const size_t present =
        iml_pool_extra_split(extra) == IML_SPLIT_TRAIN ? extra->train_images : extra->test_images;
    const double asked = options->extra_count
                             ? (double)options->extra_count
                             : round((double)self->counts->own_total * options->extra_share /
                                     (1 - options->extra_share));
    if (!(asked <= (double)present)) { /* a share of 1 asks for infinitely many */
        const enum iml_code code = iml_error_set(
            error, IML_ERROR_LIMIT, "%.15g images of %s in the pool, where %zu are there", asked,
            extra->name, present);
        return refuse(code, error,
                      options->extra_count ? "/data/unlabeled_extra/count"
                                           : "/data/unlabeled_extra/share",
                      "ask for fewer of them, or for a smaller pool (data.unlabeled)");
    }
    self->counts->extra_total = (size_t)asked;
    return IML_OK;
}

/* --- */

static enum iml_code find_known(struct sharing *self, struct iml_error *error)
{
    struct iml_known *known = &self->counts->known;
    enum iml_code code = IML_OK;
    if (self->options->mismatch == IML_MISMATCH_NONE)
        iml_known_all(self->facts, known);
    else
        code = iml_known_some(self->facts, self->options->known, self->options->known_count, known,
                              error);
    for (size_t c = 0; c < IML_CLASSES_MAX; c++)
        self->images[known->has[c] ? KNOWN : OTHERS][c] = self->facts->train_class_images[c];
    if (code != IML_OK || known->count > 0) return code;
    return refuse(iml_error_set(error, IML_ERROR_LIMIT, "the set has no training images"), error,
                  "/data/set", "name a set that has a train split");
}

enum iml_code iml_pool_share(const struct iml_set_facts *facts,
                             const struct iml_pool_options *options, struct iml_pool_counts *counts,
                             struct iml_error *error)
{
    struct sharing self = {.facts = facts, .options = options, .counts = counts};
    *counts = (struct iml_pool_counts){0};
    enum iml_code code = find_known(&self, error);
    if (code == IML_OK) code = share_split(&self, error);
    if (code == IML_OK) code = share_own(&self, error);
    if (code == IML_OK) code = share_extra(&self, error);
    if (code != IML_OK || counts->own_total + counts->extra_total > 0) return code;
    return refuse(iml_error_set(error, IML_ERROR_LIMIT,
                                "no image remains for the pool beside %zu validation images and "
                                "%zu labeled ones",
                                options->validation, options->labels),
                  error, "/data/labels", "ask for fewer labels or validation images");
}
