/* report.c: a figure beside its limit, for the eye and for bench/RESULTS.md. */
#include "bench/support/report.h"

#include "base/bytes.h"
#include "base/must.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { NUMBER_BYTES = 48 };

static FILE *rows;

/* ---- series ---- */

void series_add(struct series *s, double value)
{
    must(s->count < ROUNDS_MAX);
    s->values[s->count++] = value;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct series sorted(const struct series *s)
{
    struct series out = *s;
    must(out.count > 0);
    qsort(out.values, out.count, sizeof(out.values[0]), compare);
    return out;
}

double series_median(const struct series *s)
{
    const struct series in_order = sorted(s);
    unsigned middle = in_order.count / 2;
    return in_order.count % 2 ? in_order.values[middle]
                              : (in_order.values[middle - 1] + in_order.values[middle]) / 2;
}

double series_ratio(const struct series *s, const struct series *limit)
{
    struct series ratios = {0};
    must(s->count == limit->count);
    for (unsigned i = 0; i < s->count; i++)
        series_add(&ratios, s->values[i] / limit->values[i]);
    return series_median(&ratios);
}

/* ---- words ---- */

/* Three digits that mean something; whole thousands with commas. */
static const char *number(double value, char out[NUMBER_BYTES])
{
    char digits[NUMBER_BYTES / 2];
    if (value < 999.5) {
        snprintf(out, NUMBER_BYTES, "%.*f", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value);
        return out;
    }
    int len = snprintf(digits, sizeof(digits), "%.0f", value);
    must(len > 0 && (size_t)len < sizeof(digits));
    char *at = out;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
    return out;
}

const char *spread(const char *what, const struct series *s, const char *unit)
{
    const struct series in_order = sorted(s);
    char least[NUMBER_BYTES], most[NUMBER_BYTES];
    return text_of("%s%s to %s %s in %u round%s", what, number(in_order.values[0], least),
                   number(in_order.values[in_order.count - 1], most), unit, in_order.count,
                   in_order.count == 1 ? "" : "s");
}

static bool holds(const struct figure *f, double ratio)
{
    switch (f->kind) {
    case FIGURE_VALUE_LEAST:
        return f->value >= f->target;
    case FIGURE_VALUE_MOST:
        return f->value <= f->target;
    case FIGURE_RATIO_LEAST:
        return ratio >= f->target;
    case FIGURE_RATIO_MOST:
        return ratio <= f->target;
    case FIGURE_SHOWN:
        break;
    }
    return true;
}

static const char *wanted(const struct figure *f)
{
    bool least = f->kind == FIGURE_VALUE_LEAST || f->kind == FIGURE_RATIO_LEAST;
    bool ratio = f->kind == FIGURE_RATIO_LEAST || f->kind == FIGURE_RATIO_MOST;
    char target[NUMBER_BYTES];
    if (f->kind == FIGURE_SHOWN)
        return "";
    return text_of("at %s %s%s%s", least ? "least" : "most", number(f->target, target),
                   ratio ? "" : " ", ratio ? "" : f->unit);
}

/* A figure's cells, in words. */
struct cells {
    const char *measured, *limit, *ratio, *wanted, *verdict, *note;
};

static struct cells cells_of(const struct figure *f)
{
    char value[NUMBER_BYTES], limit[NUMBER_BYTES];
    struct cells c = {.measured = text_of("%s %s", number(f->value, value), f->unit),
                      .limit = "",
                      .ratio = "",
                      .wanted = wanted(f),
                      .verdict = "",
                      .note = f->note ? f->note : ""};
    double ratio = f->ratio != 0 || !f->limit_what ? f->ratio : f->value / f->limit;
    must(isfinite(f->value) && isfinite(ratio));
    if (f->limit_what) {
        c.limit = text_of("%s: %s %s", f->limit_what, number(f->limit, limit), f->unit);
        c.ratio = text_of("%.2f", ratio);
    }
    if (f->kind != FIGURE_SHOWN)
        c.verdict = holds(f, ratio) ? "PASS" : "SHORT";
    return c;
}

void report(const struct figure *f)
{
    const struct cells c = cells_of(f);
    const char *stars = strcmp(c.verdict, "SHORT") == 0 ? "**" : "";
    if (rows)
        fprintf(rows, "| %s | %s | %s | %s | %s | %s | %s%s%s | %s |\n", f->id, f->what, c.measured,
                c.limit, c.ratio, c.wanted, stars, c.verdict, stars, c.note);
    printf("%s%s%s: %s", f->id, *f->id ? "  " : "", f->what, c.measured);
    if (*c.limit)
        printf("; %s; ratio %s", c.limit, c.ratio);
    if (*c.verdict)
        printf("; wanted %s: %s", c.wanted, c.verdict);
    printf("%s%s%s\n", *c.note ? " (" : "", c.note, *c.note ? ")" : "");
}

void report_open(const char *path)
{
    if (!path)
        return;
    rows = fopen(path, "we");
    if (!rows)
        die("cannot write %s: %m", path);
    fputs("| | what | measured | its limit, same run | ratio | wanted | | |\n"
          "|---|---|---|---|---|---|---|---|\n",
          rows);
}

void report_close(void)
{
    if (rows && fclose(rows) != 0)
        die("the figures could not be written: %m");
    rows = NULL;
}
