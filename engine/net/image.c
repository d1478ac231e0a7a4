/* image.c: rows that hold images; see layer.h. */
#include "engine/net/layer.h"

size_t iml_image_elements(const struct iml_image *image)
{
    return image->channels * image->height * image->width;
}
