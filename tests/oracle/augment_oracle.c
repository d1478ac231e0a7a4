/* augment_oracle.c: the engine's side of the comparison with Pillow: reads requests from a file
 * (see augment_oracle.py, which writes it) and writes the image that each asks for to stdout.
 * Images are interleaved on both sides, as Pillow has them. Ends with 1 and a line on stderr at any
 * failure. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imld/augment.h"

enum task { TASK_OPERATION, TASK_WEAK, TASK_STRONG, TASK_COUNT };

/* One request, followed by its image's bytes. */
struct request {
    uint32_t task, operation; /* operation: place in iml_operations, for TASK_OPERATION */
    uint32_t channels, height, width;
    uint32_t seed, purpose, index, pass, flip; /* for the views */
    double argument;
};

/* One image in each order, its view, and the scratch of the view. */
struct images {
    uint8_t *interleaved, *in, *scratch, *out; /* owned */
};

static _Noreturn void fail(const char *what)
{
    (void)fprintf(stderr, "augment_oracle: %s\n", what);
    exit(1); /* NOLINT(concurrency-mt-unsafe): there is one thread */
}

static bool read_request(FILE *file, struct request *request)
{
    uint32_t words[10];
    if (fread(words, sizeof words, 1, file) != 1) return false;
    *request = (struct request){words[0], words[1], words[2], words[3], words[4], words[5],
                                words[6], words[7], words[8], words[9], 0};
    if (fread(&request->argument, sizeof request->argument, 1, file) != 1) fail("a short request");
    return true;
}

static void images_open(struct images *images, size_t bytes)
{
    images->interleaved = malloc(bytes);
    images->in = malloc(bytes);
    images->scratch = malloc(bytes);
    images->out = malloc(bytes);
    if (!images->interleaved || !images->in || !images->scratch || !images->out)
        fail("out of memory");
}

static void images_close(struct images *images)
{
    free(images->interleaved);
    free(images->in);
    free(images->scratch);
    free(images->out);
}

static void to_planes(const struct iml_view_shape *shape, const uint8_t *from, uint8_t *to)
{
    const size_t pixels = shape->height * shape->width;
    for (size_t i = 0; i < pixels * shape->channels; i++)
        to[i % shape->channels * pixels + i / shape->channels] = from[i];
}

static void from_planes(const struct iml_view_shape *shape, const uint8_t *from, uint8_t *to)
{
    const size_t pixels = shape->height * shape->width;
    for (size_t i = 0; i < pixels * shape->channels; i++)
        to[i] = from[i % shape->channels * pixels + i / shape->channels];
}

static void make_view(const struct request *request, const struct iml_view_shape *shape,
                      const struct images *images)
{
    struct iml_view_draw draw;
    const struct iml_stream stream = {.seed = request->seed,
                                      .purpose = (enum iml_purpose)request->purpose,
                                      .index = request->index,
                                      .pass = request->pass};
    iml_view_draw(shape, request->flip ? IML_VIEW_FLIP_HALF : IML_VIEW_FLIP_NEVER, &stream, &draw);
    if (request->task == TASK_WEAK)
        iml_weak_view(shape, &draw, images->in, images->out);
    else
        iml_strong_view(shape, &draw, images->in, images->scratch, images->out);
}

static void answer(const struct request *request, FILE *file)
{
    struct iml_error error = {0};
    struct images images;
    const struct iml_view_shape shape = {request->channels, request->height, request->width};
    const size_t bytes = iml_view_bytes(&shape);
    if (iml_view_check(&shape, &error)) fail(error.what);
    if (request->task >= TASK_COUNT || request->operation >= IML_OPERATION_COUNT)
        fail("no such task or operation");
    images_open(&images, bytes);
    if (fread(images.interleaved, bytes, 1, file) != 1) fail("a short image");
    to_planes(&shape, images.interleaved, images.in);
    if (request->task == TASK_OPERATION)
        iml_operations[request->operation].apply(&shape, request->argument, images.in, images.out);
    else
        make_view(request, &shape, &images);
    from_planes(&shape, images.out, images.interleaved);
    if (fwrite(images.interleaved, bytes, 1, stdout) != 1) fail("can't write the answer");
    images_close(&images);
}

int main(int argc, char **argv)
{
    struct request request;
    FILE *file = argc == 2 ? fopen(argv[1], "rbe") : NULL;
    if (!file) fail("usage: augment_oracle REQUESTS");
    while (read_request(file, &request)) answer(&request, file);
    (void)fclose(file);
    return fflush(stdout) == 0 ? 0 : 1;
}
