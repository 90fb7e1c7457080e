/* SPDX-License-Identifier: MIT */
/* result.h - what a run found, judged, and told to people and programs (DESIGN clauses 5 and 6). */
#ifndef SIM_RESULT_H
#define SIM_RESULT_H

#include "command.h"
#include "effect.h"
#include "setup.h"

/**
 * struct result - a run
 * @up, @total:	seconds until the lab was ready, and of the whole
 * @routers:	JSON: name to {profile, quirks, mappings}
 * @effect:	JSON: array of effect_verify()
 * @wrong:	how many of @effect are not as they should be
 * @temporary:	the evidence is nobody's but a caller's, who will remove it
 * @capture:	JSON: reply of the lab's "finish", NULL = no evidence
 * @pass:	the verdict
 * @reason:	why, one sentence
 */
struct result {
	const struct setup *setup;
	const struct command *command;
	double up, total;
	json_t *routers;
	json_t *effect;
	size_t wrong;
	json_t *capture;
	bool temporary;
	bool pass;
	char *reason;
};

/** result_judge() - fill @pass and @reason. */
void result_judge(struct result *r);
/** result_json() - what --json prints and run.json holds. */
json_t *result_json(const struct result *r);
/** result_print() - a few lines for people on standard output. */
void result_print(const struct result *r);
/** result_write() - run.json into the evidence directory. Return: 0 or -errno. */
int result_write(const struct result *r, const json_t *json);
/** result_free() - what it owns. */
void result_free(struct result *r);

/** run_with() - "igdlab run" for another command; @temporary: evidence that will be removed, of
 * which nothing is said (cmd_run.c). Return: its exit status. */
int run_with(int argc, char **argv, bool temporary);

/** json_print() - indented, a newline at the end, on standard output. */
void json_print(const json_t *json);
/** shell_quote() - append @word so that a shell reads it back. */
void shell_quote(struct buf *out, const char *word);
/** json_to_file() - write @json as FOLDER/NAME. Return: 0 or -errno. */
int json_to_file(const char *folder, const char *name, const json_t *json);
/** text_to_file() - the same with text. */
int text_to_file(const char *folder, const char *name, const char *text, int mode);

#endif
