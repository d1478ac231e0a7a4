/* models.c: the table of models; see build.h. */
#include <string.h>

#include "engine/net/build.h"

const struct iml_model_kind *const iml_model_kinds[] = {&iml_mlp, &iml_cnn_small, &iml_wrn,
                                                        &iml_resnet18, NULL};

const struct iml_model_kind *iml_model_kind_find(const char *name)
{
    for (size_t i = 0; iml_model_kinds[i]; i++) {
        if (strcmp(iml_model_kinds[i]->name, name) == 0) return iml_model_kinds[i];
    }
    return NULL;
}

const char *iml_model_kind_name(const struct iml_model_kind *kind)
{
    return kind ? kind->name : iml_mlp.name;
}

bool iml_model_is_of_images(const struct iml_model_kind *kind)
{
    return kind && kind->is_of_images;
}

enum iml_code iml_model_check_image(const struct iml_net_options *options, struct iml_error *error)
{
    const size_t c = options->channels, h = options->height, w = options->width;
    const size_t side = 32768; /* no product of these can overflow */
    if (c < 1 || c > 4096 || h < 4 || h > side || w < 4 || w > side || c * h * w != options->inputs)
        return iml_error_set(error, IML_ERROR_ARGUMENT,
                             "a net of images needs images of at least 4 × 4 pixels, not %zu × %zu "
                             "with %zu channels",
                             h, w, c);
    if (!(options->epsilon > 0)) /* NaN too */
        return iml_error_set(error, IML_ERROR_ARGUMENT,
                             "the epsilon of batch norm must be above 0, not %g", options->epsilon);
    return IML_OK;
}
