/* delivery_view_fuzz.c: any bytes as the row of a delivery stream: refused by name, or taken, and what is written of it reads to the same. */
#include "delivery/delivery.h"

#include "base/limits.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct delivery_view *v, *again;
    struct fault f = {0};
    struct buf one, two;
    if (delivery_view_read(7, bytes_of(data, size), &v, &f) != OK) {
        must(!v && f.text[0]);
        return 0;
    }
    buf_init(&one, 2 * DELIVERY_VIEW_BYTES_MAX);
    buf_init(&two, 2 * DELIVERY_VIEW_BYTES_MAX);
    must(delivery_view_write(v, &one) == OK);
    if (delivery_view_read(7, buf_view(&one), &again, &f) ==
        OK) { /* defaults may have made it too large */
        must(delivery_view_write(again, &two) == OK);
        must(bytes_equal(buf_view(&one), buf_view(&two)));
        delivery_view_unref(again);
    }
    buf_fini(&one);
    buf_fini(&two);
    delivery_view_unref(v);
    return 0;
}
