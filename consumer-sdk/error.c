/* error.c: see the header. A message is cut between characters where it is too long for its place. Thread: any. */
#include "consumer-sdk/error.h"

#include <stdarg.h>
#include <stdio.h>

/* A cut within a character would leave text that is not UTF-8. */
static void cut_clean(char *text, size_t room)
{
    size_t len = strlen(text);
    if (len + 1 < room)
        return;
    size_t start = len;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t whole = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (len - (start - 1) < whole)
        text[start - 1] = '\0';
}

enum sluice_status error_set(struct sluice_error *error, enum sluice_status status,
                             const char *format, ...)
{
    if (error == NULL)
        return status;
    char message[sizeof(error->message)];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    cut_clean(message, sizeof(message));
    *error = (struct sluice_error){.status = status};
    memcpy(error->message, message, sizeof(message));
    return status;
}

enum sluice_status error_status(enum status status)
{
    static const struct {
        enum status ours;
        enum sluice_status theirs;
    } map[] = {
        {OK, SLUICE_OK},
        {END, SLUICE_END},
        {INVALID_ARGUMENT, SLUICE_INVALID_ARGUMENT},
        {INVALID_VALUE, SLUICE_INVALID_ARGUMENT},
        {MALFORMED, SLUICE_PROTOCOL},
        {CORRUPT, SLUICE_PROTOCOL},
        {TOO_LARGE, SLUICE_PROTOCOL},
        {TIMED_OUT, SLUICE_TIMED_OUT},
        {NO_MEMORY, SLUICE_NO_MEMORY},
        {CLOSING, SLUICE_CANCELLED},
        {NOT_FOUND, SLUICE_IO},
        {NO_SPACE, SLUICE_IO},
    };
    for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
        if (map[i].ours == status)
            return map[i].theirs;
    }
    return SLUICE_IO;
}

enum sluice_status error_from(struct sluice_error *error, enum status status,
                              const struct fault *fault)
{
    return error_set(error, error_status(status), "%s", fault->text);
}

const char *sluice_status_name(enum sluice_status status)
{
    static const struct {
        enum sluice_status status;
        const char *name;
    } names[] = {
#define NAME(status) {status, #status}
        NAME(SLUICE_OK),          NAME(SLUICE_END),       NAME(SLUICE_INVALID_ARGUMENT),
        NAME(SLUICE_SERVICE),     NAME(SLUICE_TRANSPORT), NAME(SLUICE_TIMED_OUT),
        NAME(SLUICE_CREDENTIALS), NAME(SLUICE_PROTOCOL),  NAME(SLUICE_NO_MEMORY),
        NAME(SLUICE_FULL),        NAME(SLUICE_CANCELLED), NAME(SLUICE_FENCED),
        NAME(SLUICE_IO),          NAME(SLUICE_STATE),
#undef NAME
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].status == status)
            return names[i].name;
    }
    return "SLUICE_UNKNOWN";
}

const char *sluice_version(void)
{
    return SLUICE_VERSION;
}
