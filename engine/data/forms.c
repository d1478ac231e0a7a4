/* forms.c: the table of forms, in the order in which a folder is tried. */
#include "engine/data/form.h"

const struct iml_form *const iml_forms[] = {&iml_form_idx, &iml_form_cifar, NULL};

const char *iml_set_form_name(enum iml_set_form form)
{
    for (size_t i = 0; iml_forms[i]; i++) {
        if (iml_forms[i]->form == form) return iml_forms[i]->name;
    }
    return form == IML_SET_SYNTHETIC ? IML_SET_SYNTHETIC_NAME : "unknown"; /* it has no files */
}
