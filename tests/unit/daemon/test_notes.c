/* test_notes.c: whatever a trainer may say in words is an event that the storage takes. */
#include "tests/unit/check.h"

#include <string.h>

#include "imld/trainer.h"
#include "storage/jobs.h"

static void test_each_kind_of_note_is_a_kind_of_event(void **state)
{
    (void)state;
    for (int kind = 0; kind < IML_NOTE_KINDS; kind++) {
        size_t found = 0;
        for (size_t i = 0; i < imld_event_kind_count; i++)
            found +=
                strcmp(imld_event_kinds[i].name, iml_note_kind_name((enum iml_note_kind)kind)) == 0;
        assert_int_equal(found, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_of_note_is_a_kind_of_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
