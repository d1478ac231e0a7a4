/* images.h: what the parts of bench_images share: nets of images, by name. */
#ifndef IMLD_BENCH_IMAGES_H
#define IMLD_BENCH_IMAGES_H

#include "imld/net.h"

/* Options of "cnn_small", "resnet18" or "wrn-DEPTH-WIDTH"; false: another name. cnn_small takes
 * grey images of 28 × 28, the others coloured ones of 32 × 32. */
bool bench_read_net(const char *name, unsigned threads, struct iml_net_options *options);

/* The convolutions of a gradient alone, on random images: forward, data and weights of each layer,
 * by the net's own kernels. */
struct bench_convolutions;
struct bench_convolutions *bench_convolutions_open(const struct iml_net *net, size_t rows,
                                                   struct iml_team *team); /* NULL: no memory */
void bench_convolutions_run(struct bench_convolutions *self);
void bench_convolutions_close(struct bench_convolutions *self);

/* Makes leaky ReLU and ReLU of a net the identity: a net without kinks, whose float and double can
 * be compared. */
void bench_straighten(struct iml_net *net);

#endif
