/* held.c: relu or leaky_relu (slope 0 or s) whose signs can be held (MATH §5.7): y = m∘x, MATH §2.
 * Forward leaves m in `kept`, 1 where x > 0 and the slope elsewhere, unless the mode holds the
 * kinks: then m is what a call before has left, and the layer is linear. Differences of such a net
 * cross no kink, and its Hessian is that of the net with relu at the point where m was taken. */
#include <assert.h>

#include "engine/net/evaluator.h"
#include "engine/net/kinks.h"

static void apply(const struct iml_layer *layer, const struct iml_row_pass *pass,
                  const iml_real *in, iml_real *out)
{
    for (size_t i = 0; i < pass->rows * layer->out; i++) out[i] = pass->kept[i] * in[i];
}

static void held_forward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    const iml_real slope = (iml_real)layer->slope;
    for (size_t i = 0; !pass->mode->holds_kinks && i < pass->rows * layer->out; i++)
        pass->kept[i] = pass->x[i] > 0 ? 1 : slope;
    apply(layer, pass, pass->x, pass->y);
}

static void held_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    if (pass->x_bar) apply(layer, pass, pass->y_bar, pass->x_bar);
}

static void held_tangent(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    if (pass->x_dot) {
        apply(layer, pass, pass->x_dot, pass->y_dot);
        return;
    }
    for (size_t i = 0; i < pass->rows * layer->out; i++) pass->y_dot[i] = 0;
}

static void held_tangent_backward(const struct iml_layer *layer, const struct iml_row_pass *pass)
{
    if (pass->x_bar_dot) apply(layer, pass, pass->y_bar_dot, pass->x_bar_dot);
}

/* The n-th layer that holds kinks; layer_count: there are not so many. */
static size_t layer_with_kinks(const struct iml_net *net, size_t n)
{
    size_t l = 0;
    for (; l < net->layer_count; l++) {
        const struct iml_layer_kind *kind = net->layers[l].kind;
        if ((kind == &iml_held || kind == &iml_max_pool) && n-- == 0) break;
    }
    return l;
}

const iml_real *iml_kept_kinks(const struct iml_evaluator *self, size_t n, size_t *width)
{
    const size_t l = layer_with_kinks(self->net, n);
    if (l == self->net->layer_count) return NULL;
    *width = self->net->layers[l].out;
    return self->memory[l].kept;
}

/* Where an image of that form has the element that is number `plain` in plain order. */
static size_t place_in(const struct iml_image *form, size_t plain)
{
    const size_t x = plain % form->width, y = plain / form->width % form->height;
    return iml_image_at(form, plain / form->width / form->height, y, x);
}

void iml_hold_kinks(const struct iml_evaluator *self, size_t n, const double *plain, size_t count)
{
    const size_t l = layer_with_kinks(self->net, n);
    assert(l < self->net->layer_count);
    const struct iml_layer *layer = &self->net->layers[l];
    const bool are_places = layer->kind == &iml_max_pool;
    assert(iml_image_elements(&layer->to) == layer->out);
    assert(count % layer->out == 0 && count / layer->out <= self->rows);
    for (size_t i = 0; i < count; i++) {
        const size_t at = i / layer->out * layer->out + place_in(&layer->to, i % layer->out);
        self->memory[l].kept[at] =
            are_places ? (iml_real)place_in(&layer->from, (size_t)plain[i]) : (iml_real)plain[i];
    }
}

const struct iml_layer_kind iml_held = {
    .name = "held",
    .keeps_rows = true,
    .forward = held_forward,
    .backward = held_backward,
    .tangent = held_tangent,
    .tangent_backward = held_tangent_backward,
};
