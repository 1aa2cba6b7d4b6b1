/* pump_rules.c: what a view means for lanes, made once a view and thread. Thread: its delivery thread's. */
#include "delivery/pump_internal.h"

#include "base/limits.h"
#include "base/mem.h"
#include "delivery/conversion.h"

#include <stdio.h>

/* Lanes whose records cannot be converted say why, and stand still. */
static void take_conversion(struct pump_rules *r, struct conversions *conversions)
{
    const struct firehose_data_format_conversion_configuration *c = conversion_of(r->view->config);
    struct fault f = {0};
    if (!c)
        return;
    if (conversion_new(c, r->view->columns, conversions, &r->conversion, &f) == OK)
        r->of[OUTPUT_MAIN].columnar = &r->conversion->columnar;
    else
        snprintf(r->no_conversion, sizeof(r->no_conversion), "%.150s", f.text);
}

struct pump_rules *pump_rules_new(struct delivery_view *v, struct conversions *conversions)
{
    struct pump_rules *r = MEM_NEW(struct pump_rules);
    r->refs = 1;
    r->view = v;
    for (int c = 0; c < OUTPUT_CHANNELS; c++)
        output_rules_of(v, (enum output_channel)c, &r->of[c]);
    take_conversion(r, conversions);
    r->plain = process_is_plain(v);
    r->names_records = process_names_records(v);
    r->backs_up = view_backs_up(v);
    buf_init(&r->text, DELIVERY_VIEW_BYTES_MAX);
    return r;
}

struct pump_rules *pump_rules_ref(struct pump_rules *r)
{
    r->refs++;
    return r;
}

void pump_rules_unref(struct pump_rules *r)
{
    if (!r || --r->refs > 0)
        return;
    conversion_free(r->conversion);
    delivery_view_unref(r->view);
    buf_fini(&r->text);
    mem_free(r);
}

bool pump_rules_text(struct pump_rules *r, struct bytes *out)
{
    if (r->text.len == 0 && delivery_view_write(r->view, &r->text) != OK)
        buf_fini(&r->text);
    *out = buf_view(&r->text);
    return out->len > 0;
}
