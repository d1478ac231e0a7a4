/* test_confidence_planted.c: learned weights tell the half of a pool that has wrong content from
 * the other one, planted_case.h says how it is made.
 *
 * What planted_table.c tells of other settings, thresholds and seeds: signs with more updates end
 * above 0.9 on each of seeds 1 to 24, the defaults with form shared on 16 of them, and with form
 * separate, whose C sees the image, at 1.00 on each of 5. At τ = 0.95 the wrong half helps
 * training, and weights prefer it: so τ is 0.6 here. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/check.h"
#include "tests/unit/engine/planted_case.h"

static void test_weights_tell_wrong_content(void **state)
{
    struct iml_set_facts wrong;
    struct iml_trainer_options options = planted_job(*state, &wrong);
    planted_signs(&options);
    planted_more_updates(&options);
    for (options.seed = 1; options.seed <= 6; options.seed++)
        assert_true(planted_last(&options, "weight/auroc") > 0.9);
}

static void test_weights_tell_wrong_content_by_default(void **state)
{
    struct iml_set_facts wrong;
    struct iml_trainer_options options = planted_job(*state, &wrong);
    for (options.seed = 1; options.seed <= 3; options.seed++)
        assert_true(planted_last(&options, "weight/auroc") > 0.9);
}

#ifdef HAS_FAST_CONVOLUTIONS /* 26 CPU seconds; many times that in plain loops */
/* The default form: C is a cnn_small of its own. */
static void test_a_network_of_images_tells_it_by_default(void **state)
{
    struct iml_set_facts wrong;
    struct iml_trainer_options options = planted_job(*state, &wrong);
    options.confidence = (struct iml_weigher_options){.input = IML_WEIGHER_IMAGE};
    for (options.seed = 1; options.seed <= 3; options.seed++)
        assert_true(planted_last(&options, "weight/auroc") > 0.9);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_tell_wrong_content),
        cmocka_unit_test(test_weights_tell_wrong_content_by_default),
#ifdef HAS_FAST_CONVOLUTIONS
        cmocka_unit_test(test_a_network_of_images_tells_it_by_default),
#endif
    };
    return cmocka_run_group_tests(tests, planted_set_up, sets_tear_down);
}
