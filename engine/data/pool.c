/* pool.c: the split of a job with a pool, and the pool's origins; see pool.h. */
#include "engine/data/pool.h"

#include <string.h>

#include "imld/random.h"

/* How much of each list is filled. */
struct filled {
    size_t validation, labeled, pool;
};

static void append(uint32_t *list, size_t *filled, const uint32_t *images, size_t count)
{
    if (count > 0) memcpy(list + *filled, images, count * sizeof *list);
    *filled += count;
}

static void share_class(const struct iml_pool_counts *counts, size_t c,
                        const struct iml_pool_lists *lists, struct filled *filled)
{
    const size_t validation = counts->split.validation[c];
    const uint32_t *const ordered = lists->scratch, *const others = ordered + validation;
    append(lists->validation, &filled->validation, ordered, validation);
    append(lists->labeled, &filled->labeled, others, counts->split.train[c]);
    append(lists->pool, &filled->pool, others + counts->first[c], counts->own[c]);
}

/* Images of the class that the counts rest on. */
static size_t wanted_of(const struct iml_pool_counts *counts, size_t c)
{
    const size_t labeled = counts->split.train[c], pool = counts->first[c] + counts->own[c];
    return counts->split.validation[c] + (labeled > pool ? labeled : pool);
}

enum iml_code iml_pool_draw(uint32_t seed, const struct iml_pool_counts *counts,
                            const uint8_t *labels, size_t count, const struct iml_pool_lists *lists,
                            struct iml_error *error)
{
    struct filled filled = {0};
    for (uint32_t c = 0; c < IML_CLASSES_MAX; c++) {
        const size_t wanted = wanted_of(counts, c);
        if (wanted == 0) continue;
        const enum iml_code code =
            iml_split_order_class(seed, c, labels, count, wanted, lists->scratch, error);
        if (code != IML_OK) return code;
        share_class(counts, c, lists, &filled);
    }
    iml_split_sort(lists->validation, filled.validation);
    iml_split_sort(lists->labeled, filled.labeled);
    iml_split_sort(lists->pool, filled.pool);
    return IML_OK;
}

enum iml_set_split iml_pool_extra_split(const struct iml_set_facts *extra)
{
    return extra->train_images > 0 ? IML_SPLIT_TRAIN : IML_SPLIT_TEST;
}

void iml_pool_draw_extra(uint32_t seed, const struct iml_pool_counts *counts, size_t images,
                         uint32_t *extra, uint32_t *scratch)
{
    size_t filled = 0;
    iml_permutation(seed, IML_PURPOSE_SPLIT, IML_CLASSES_MAX, (uint32_t)images, scratch);
    append(extra, &filled, scratch, counts->extra_total);
    iml_split_sort(extra, filled);
}

void iml_pool_own_origins(const struct iml_known *known, const uint8_t *labels,
                          const uint32_t *indices, size_t count, struct iml_origin *origins)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t c = labels[indices[i]];
        origins[i] = (struct iml_origin){.is_in_distribution = known->has[c], .class_number = c};
    }
}

void iml_pool_extra_origins(const uint8_t *labels, const uint32_t *indices, size_t count,
                            struct iml_origin *origins)
{
    for (size_t i = 0; i < count; i++)
        origins[i] = (struct iml_origin){.is_extra = true, .class_number = labels[indices[i]]};
}
