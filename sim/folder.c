/* SPDX-License-Identifier: MIT */
/* folder.c - the evidence directory before a lab writes into it (see folder.h). */
#include "folder.h"

#include "../fakeigd/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int folder_make(const char *path)
{
	char *copy = xstrdup(path);
	int error = 0;

	for (char *slash = strchr(copy + 1, '/'); slash && !error; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0777) && errno != EEXIST)
			error = -errno;
		*slash = '/';
	}
	if (!error && mkdir(copy, 0777) && errno != EEXIST)
		error = -errno;
	free(copy);
	return error;
}

/* Names of evidence: whole, or behind the name of a node. */
static bool is_evidence(const char *name)
{
	static const char *const whole[] = {"capture.pcapng", "ladder.svg", "messages.json",
					    "lab.json",	      "run.json",   "command.stdout",
					    "command.stderr", "replay.sh"};
	static const char *const ends[] = {".journal.ndjson",	     ".fakeigd.log",
					   ".nft-before.txt",	     ".nft-after.txt",
					   ".conntrack-before.json", ".conntrack-after.json"};
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(whole); i++)
		if (!strcmp(name, whole[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (len > strlen(ends[i]) && !strcmp(name + len - strlen(ends[i]), ends[i]))
			return true;
	return false;
}

int folder_clear(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int error = 0;

	if (!dir)
		return -errno;
	while (!error && (entry = readdir(dir))) {
		struct stat info;

		if (!is_evidence(entry->d_name) ||
		    fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISREG(info.st_mode))
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0))
			error = -errno;
	}
	closedir(dir);
	return error;
}

void folder_remove(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(path);
}
