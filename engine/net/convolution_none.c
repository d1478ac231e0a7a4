/* convolution_none.c: a build without compiled convolutions (double, or plain loops for the
 * sanitizers); see convolution.h. */
#include "engine/net/convolution.h"

const struct iml_convolution_kind *const iml_convolution_compiled = NULL;

bool iml_convolution_is_compiled(const struct iml_convolution_options *options)
{
    (void)options;
    return false;
}

size_t iml_convolution_compiled_block(void)
{
    return 1;
}
