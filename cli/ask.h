/* ask.h: commands that are one request and its answer, as data. Thread: main. */
#ifndef SLUICE_CLI_ASK_H
#define SLUICE_CLI_ASK_H

#include "cli/session.h"
#include "cli/table.h"

struct sluice_operation;

struct ask {
    const struct sluice_operation *operation;
    const char *extra; /* members that every request has, as JSON; NULL: none */
    const char *lacks,
        *then; /* without the member `lacks` it also has what `then` says, where nothing else is said */
    bool by_arn; /* the operation knows streams by ARN only: a name is looked up */
    /* The answer is a list of objects (or texts), in pages. */
    const char *list;             /* "StreamSummaries"; NULL: not a list */
    const struct column *columns; /* of its table */
    const char *
        next_in; /* the member that asks for the next page: NextToken, copied from the answer; else the last of the list */
    const char *next_of; /* where in an element; NULL: the element is the text */
    const char
        *more; /* the member of the answer that says that there is more; NULL: a NextToken does */
    bool token_alone; /* a request with a NextToken must have nothing else */
    /* Else: the answer is one object ("" for all of it), or nothing but that it was done. */
    const char *object;
    const char *said; /* "is being created", after the first argument */
    const char *
        active; /* with --wait: until the stream's status is this; "": until it is gone; NULL: there is no --wait */
    bool body; /* the request is a file: the last, optional argument, or stdin */
};

int ask_run(struct invocation *words);

/* For commands that ask more than once. *answer is the caller's (json_decref). Otherwise it said why. */
enum cli_exit ask_once(const struct invocation *words, sluice_client *client,
                       const struct sluice_operation *operation, const json_t *request,
                       json_t **answer, struct sluice_error *error);
/* The JSON object in the file that the command's last, optional argument names, or in stdin. NULL: it said why. */
json_t *ask_body(const struct invocation *words);
/* StreamName, or StreamARN when it is one. */
void ask_set_stream(json_t *request, const char *stream);
/* The stream's ARN under StreamARN. */
enum cli_exit ask_set_arn(const struct invocation *words, sluice_client *client, json_t *request,
                          const char *stream);

/* Until the status of the stream that is the first argument is this; "": until there is none. */
enum cli_exit ask_wait(const struct invocation *words, sluice_client *client, const char *status);

#endif
