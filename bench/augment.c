/* augment.c: imld's side of `bench/run augmentation`: views of random images, one thread.
 *
 * bench_augment CHANNELS HEIGHT WIDTH. A repetition makes the view of each of 500 images once, with
 * draws of its own; quantities: weak, strong, and one strong operation alone by its name. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/serve.h"
#include "imld/augment.h"

enum { IMAGES = 500, SEED = 1, LEVEL = 5 };

struct bench {
    struct iml_view_shape shape;
    size_t bytes;
    uint32_t pass;
    uint8_t *images, *scratch, *out; /* owned */
};

static struct iml_view_draw draw_view(struct bench *self, enum iml_purpose purpose, uint32_t index)
{
    struct iml_view_draw draw;
    const struct iml_stream stream = {
        .seed = SEED, .purpose = purpose, .index = index, .pass = self->pass};
    iml_view_draw(&self->shape, IML_VIEW_FLIP_HALF, &stream, &draw);
    return draw;
}

static void run_weak(void *context, size_t argument)
{
    (void)argument;
    struct bench *self = context;
    for (uint32_t i = 0; i < IMAGES; i++) {
        const struct iml_view_draw draw = draw_view(self, IML_PURPOSE_WEAK_POOL, i);
        iml_weak_view(&self->shape, &draw, self->images + i * self->bytes, self->out);
    }
    self->pass++;
}

static void run_strong(void *context, size_t argument)
{
    (void)argument;
    struct bench *self = context;
    for (uint32_t i = 0; i < IMAGES; i++) {
        const struct iml_view_draw draw = draw_view(self, IML_PURPOSE_STRONG_POOL, i);
        iml_strong_view(&self->shape, &draw, self->images + i * self->bytes, self->scratch,
                        self->out);
    }
    self->pass++;
}

static void run_operation(void *context, size_t argument)
{
    struct bench *self = context;
    const struct iml_operation *operation = &iml_operations[argument];
    const double value = operation->argument ? operation->argument(&self->shape, LEVEL) : 0;
    for (size_t i = 0; i < IMAGES; i++)
        operation->apply(&self->shape, value, self->images + i * self->bytes, self->out);
}

static void draw_images(struct bench *self)
{
    const struct iml_stream stream = {.seed = SEED, .purpose = IML_PURPOSE_PROBE};
    for (size_t i = 0; i < IMAGES * self->bytes; i += 4) {
        const uint32_t word = iml_stream_word(&stream, i / 4);
        for (size_t k = i; k < i + 4 && k < IMAGES * self->bytes; k++)
            self->images[k] = (uint8_t)(word >> (8 * (k - i)));
    }
}

int main(int argc, char **argv)
{
    static struct bench self;
    struct iml_error error = {0};
    struct bench_quantity quantities[2 + IML_OPERATION_COUNT] = {
        {.name = "weak", .run = run_weak}, {.name = "strong", .run = run_strong}};
    for (size_t i = 0; i < IML_OPERATION_COUNT; i++)
        quantities[2 + i] = (struct bench_quantity){
            .name = iml_operations[i].name, .run = run_operation, .argument = i};
    if (argc == 4)
        self.shape = (struct iml_view_shape){strtoul(argv[1], NULL, 10), strtoul(argv[2], NULL, 10),
                                             strtoul(argv[3], NULL, 10)};
    if (iml_view_check(&self.shape, &error)) {
        (void)fprintf(stderr, "usage: bench_augment CHANNELS HEIGHT WIDTH: %s\n", error.what);
        return 2;
    }
    self.bytes = iml_view_bytes(&self.shape);
    self.images = calloc(IMAGES, self.bytes);
    self.scratch = calloc(1, self.bytes);
    self.out = calloc(1, self.bytes);
    if (!self.images || !self.scratch || !self.out) return 1;
    draw_images(&self);
    const int code =
        bench_serve(quantities, sizeof quantities / sizeof *quantities, &self, "{\"images\": 500}");
    free(self.images);
    free(self.scratch);
    free(self.out);
    return code;
}
