/* Staff files. */
#include <stddef.h>
#include <stdint.h>

#include "common/staff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct staff *staff = staff_new("");
    struct err err = ERR_INIT;
    if (staff_parse(staff, (const char *)data, size, &err) == 0)
        (void)staff_knows(staff, "alice");
    staff_free(staff);
    return 0;
}
