/* convolution_grey.c: the gradient of W where the input has one channel, for which oneDNN 2.6 has
 * only its reference loops; see convolution.h.
 *
 * The taps of a block of eight outputs are sums in registers over an image's pixels: a load of ȳ,
 * and a broadcast of x for each tap, from a copy of the image with its padding. (Of cnn_small's
 * first layer plain loops took a quarter of all its convolutions' time.) Compiled for AVX2 and FMA.
 */
#include <string.h>

#include "engine/net/convolution.h"
#include "engine/net/lanes.h"

enum { SIDE = 3, TAPS = SIDE * SIDE };

static void copy_padded(const struct iml_convolution_options *o, const iml_real *image,
                        iml_real *padded)
{
    const size_t padding = o->window.padding, width = o->from.width + 2 * padding;
    memset(padded, 0, (o->from.height + 2 * padding) * width * sizeof *padded);
    for (size_t y = 0; y < o->from.height; y++)
        memcpy(padded + (y + padding) * width + padding, image + y * o->from.width,
               o->from.width * sizeof *padded);
}

/* Adds what one image gives to the taps of one block of outputs. */
static void add_block(const struct iml_convolution_options *o, const iml_real *padded,
                      const iml_real *y_bar, iml_real *taps)
{
    const size_t width = o->from.width + 2 * o->window.padding, stride = o->window.stride;
    lanes sums[TAPS];
    for (size_t j = 0; j < TAPS; j++) sums[j] = lanes_of(0);
    for (size_t y = 0; y < o->to.height; y++) {
        for (size_t x = 0; x < o->to.width; x++) {
            const lanes bar = lanes_load(y_bar + (y * o->to.width + x) * LANES);
            const iml_real *corner = padded + y * stride * width + x * stride;
            for (size_t j = 0; j < TAPS; j++)
                sums[j] = lanes_fma(lanes_of(corner[j / SIDE * width + j % SIDE]), bar, sums[j]);
        }
    }
    for (size_t j = 0; j < TAPS; j++)
        lanes_store(taps + j * LANES, lanes_load(taps + j * LANES) + sums[j]);
}

void iml_convolution_grey_backward_weights(const struct iml_convolution *self,
                                           const struct iml_convolution_call *call,
                                           const struct iml_convolution_terms *terms,
                                           iml_real *padded, iml_real *gradient)
{
    const struct iml_convolution_options *o = &self->options;
    const size_t in = iml_image_elements(&o->from), out = iml_image_elements(&o->to);
    const size_t area = o->to.height * o->to.width;
    if (!call->has_sum) memset(gradient, 0, o->to.channels * TAPS * sizeof *gradient);
    for (size_t n = 0; n < call->images; n++) {
        copy_padded(o, terms->x[0] + n * in, padded);
        for (size_t block = 0; block < o->to.channels / LANES; block++)
            add_block(o, padded, terms->y_bar[0] + n * out + block * area * LANES,
                      gradient + block * TAPS * LANES);
    }
}
