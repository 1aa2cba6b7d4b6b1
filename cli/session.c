/* session.c: the common options to a client; errors to sentences and exit codes; Ctrl-C.
 *
 * I1. No call is made before somebody said where the service is: by option, environment or profile. */
#include "cli/session.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCAL_ENDPOINT "http://127.0.0.1:4567"

static bool has_variable(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] != '\0';
}

static bool has_profile(const struct invocation *words)
{
    char path[4096];
    const char *file = getenv("AWS_CONFIG_FILE"), *home = getenv("HOME");
    if (invocation_has(words, "profile") || has_variable("AWS_PROFILE"))
        return true;
    if (file && file[0] != '\0')
        return strcmp(file, "/dev/null") != 0 && access(file, R_OK) == 0;
    snprintf(path, sizeof(path), "%s/.aws/config", home ? home : "");
    return access(path, R_OK) == 0;
}

/* I1 */
static bool somebody_said_where(const struct invocation *words)
{
    static const char *const variables[] = {"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KINESIS",
                                            "AWS_ENDPOINT_URL_FIREHOSE", "AWS_REGION",
                                            "AWS_DEFAULT_REGION"};
    bool said = invocation_has(words, "endpoint") || invocation_has(words, "region");
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        said = said || has_variable(variables[i]);
    return said || has_profile(words);
}

enum cli_exit session_options(const struct invocation *words, struct sluice_client_options *options)
{
    sluice_client_options_init(options);
    options->endpoint = invocation_text(words, "endpoint");
    options->region = invocation_text(words, "region");
    options->profile = invocation_text(words, "profile");
    options->ca_file = invocation_text(words, "ca-file");
    if (invocation_has(words, "local")) {
        if (options->endpoint)
            return session_say(words, CLI_MISUSED, "--local and --endpoint exclude each other");
        options->endpoint = LOCAL_ENDPOINT;
        options->region = options->region ? options->region : "us-east-1";
        options->access_key_id = "dev";
        options->secret_access_key = "dev";
        return CLI_DONE;
    }
    if (somebody_said_where(words))
        return CLI_DONE;
    return session_say(
        words, CLI_MISUSED,
        "nothing says where the service is: give --local (for a `sluice serve --dev` "
        "on this machine) or --endpoint URL, or set AWS_ENDPOINT_URL, or AWS_REGION "
        "for AWS itself");
}

enum cli_exit session_open(const struct invocation *words, sluice_client **client)
{
    struct sluice_client_options options;
    struct sluice_error error = {0};
    enum cli_exit done = session_options(words, &options);
    if (done != CLI_DONE)
        return done;
    if (sluice_client_new(&options, client, &error) == SLUICE_OK)
        return CLI_DONE;
    session_failed(words, &error);
    return error.status == SLUICE_INVALID_ARGUMENT ? CLI_MISUSED : CLI_FAILED;
}

/* ---- errors ---- */

static bool is_one_of(const char *type, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(type, *list) == 0)
            return true;
    }
    return false;
}

enum cli_exit session_exit_of(const struct sluice_error *error)
{
    static const char *const refusals[] = {
        "AccessDeniedException",        "AccessDenied",
        "UnrecognizedClientException",  "InvalidSignatureException",
        "IncompleteSignatureException", "MissingAuthenticationTokenException",
        "MissingAuthenticationToken",   "ExpiredTokenException",
        "InvalidClientTokenId",         "SignatureDoesNotMatch",
        "KMSAccessDeniedException",     NULL};
    if (error->status == SLUICE_CREDENTIALS)
        return CLI_NOT_ALLOWED;
    if (error->status == SLUICE_INVALID_ARGUMENT)
        return CLI_MISUSED;
    if (error->status != SLUICE_SERVICE)
        return CLI_FAILED;
    if (strcmp(error->type, "ResourceNotFoundException") == 0)
        return CLI_NOT_THERE;
    return is_one_of(error->type, refusals) ? CLI_NOT_ALLOWED : CLI_FAILED;
}

static void begin(const struct invocation *words)
{
    const struct command *c = words->command;
    fprintf(stderr, "sluice %s%s%s: ", c->group ? c->group : "", c->group ? " " : "", c->name);
}

enum cli_exit session_failed(const struct invocation *words, const struct sluice_error *error)
{
    begin(words);
    if (error->type[0] != '\0')
        fprintf(stderr, "%s: ", error->type);
    fputs(error->message[0] != '\0' ? error->message : sluice_status_name(error->status), stderr);
    if (error->request_id[0] != '\0')
        fprintf(stderr, " (request %s)", error->request_id);
    fputs("\n", stderr);
    return session_exit_of(error);
}

enum cli_exit session_say(const struct invocation *words, enum cli_exit exit, const char *format,
                          ...)
{
    va_list list;
    begin(words);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputs("\n", stderr);
    return exit;
}

/* ---- Ctrl-C ---- */

static atomic_bool interrupted;
static sluice_client *_Atomic awake;

static void interrupt(int number)
{
    int kept = errno;
    (void)number;
    atomic_store(&interrupted, true);
    sluice_client *client = atomic_load(&awake);
    if (client)
        sluice_client_wake(client);
    errno = kept;
}

void session_interruptible(sluice_client *client)
{
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};
    atomic_store(&awake, client);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool session_interrupted(void)
{
    return atomic_load(&interrupted);
}

void session_forget(void)
{
    atomic_store(&awake, NULL);
}
