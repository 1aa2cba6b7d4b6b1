/* commands.h: the commands that are more than one request; each returns the program's exit code. Thread: main. */
#ifndef SLUICE_CLI_COMMANDS_H
#define SLUICE_CLI_COMMANDS_H

struct invocation;

int put_run(struct invocation *words);          /* put */
int delivery_put_run(struct invocation *words); /* delivery put */
int read_run(struct invocation *words);         /* get and tail */
int retention_run(struct invocation *words);    /* stream retention */
int split_run(struct invocation *words);        /* shard split */
int group_run(struct invocation *words);        /* group describe */
int update_run(struct invocation *words);       /* delivery update */
int bench_put_run(struct invocation *words);    /* bench put */
int bench_read_run(struct invocation *words);   /* bench read */
int bench_push_run(struct invocation *words);   /* bench latency, bench fanout */
int completion_run(struct invocation *words);   /* completion */

#endif
