/* settings_fuzz.c: any bytes as a settings file. Whatever was read must print to JSON that reads
 * back to the same values. */
#include "base/must.h"
#include "base/settings.h"

struct values {
    char *text;
    bool yes;
    uint64_t count, bytes, ms, choice;
};

#define AT(member) offsetof(struct values, member)
static const struct setting rows[] = {
    {"text", SETTING_TEXT, AT(text), "standard", 0, 0, NULL, "A text."},
    {"yes", SETTING_BOOL, AT(yes), "false", 0, 0, NULL, "A truth."},
    {"count", SETTING_COUNT, AT(count), "5", 1, UINT64_MAX, NULL, "A count."},
    {"bytes", SETTING_BYTES, AT(bytes), "1MiB", 0, UINT64_MAX, NULL, "A size."},
    {"ms", SETTING_MS, AT(ms), "1s", 0, 86400000, NULL, "A time."},
    {"choice", SETTING_CHOICE, AT(choice), "one", 0, 0, "one|two|three", "A choice."},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]), PRINTED_BYTES_MAX = 16 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_read_back(const struct values *read)
{
    struct values back;
    struct buf printed;
    struct fault f;
    buf_init(&printed, PRINTED_BYTES_MAX);
    settings_print_json(rows, ROWS, read, &printed);
    must(printed.status == OK);
    must(settings_defaults(rows, ROWS, &back, &f) == OK);
    must(settings_from_json(rows, ROWS, &back, buf_view(&printed), "printed", &f) == OK);
    must(strcmp(back.text, read->text) == 0 && back.yes == read->yes &&
         back.choice == read->choice);
    must(back.count == read->count && back.bytes == read->bytes && back.ms == read->ms);
    settings_free(rows, ROWS, &back);
    buf_fini(&printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct values values;
    struct fault f = {.status = OK};
    must(settings_defaults(rows, ROWS, &values, &f) == OK);
    enum status st = settings_from_json(rows, ROWS, &values, bytes_of(data, size), "fuzz", &f);
    if (st != OK)
        must(f.status == st && f.text[0] != '\0');
    must(values.count >= 1 && values.ms <= 86400000 &&
         values.choice <= 2); /* kept within bounds even after a refusal */
    must_read_back(&values);
    settings_free(rows, ROWS, &values);
    return 0;
}
