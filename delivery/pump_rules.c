/* pump_rules.c: what a view means for lanes, made once a view and thread. Thread: its delivery thread's. */
#include "delivery/pump_internal.h"

#include "base/limits.h"
#include "base/mem.h"
#include "delivery/conversion.h"
#include "delivery/conversions.h"

/* What cannot be had here fails the lanes' chains, with its reason (process_convert.c). */
static void take_conversion(struct pump_rules *r, struct conversions *conversions)
{
    const struct firehose_data_format_conversion_configuration *c = conversion_of(r->view->config);
    struct fault f = {0};
    if (!c || conversions_library(conversions, &r->columnar.library, &f) != OK ||
        conversion_new(c, r->view->columns, &r->conversion, &f) != OK)
        return;
    r->columnar.form = &r->conversion->form;
    r->of[OUTPUT_MAIN].columnar = &r->columnar;
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
