/* SPDX-License-Identifier: MIT */
/* folder.h - folders that tests make for themselves. */
#ifndef CASES_UNIT_FOLDER_H
#define CASES_UNIT_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

static inline int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

/* The folder and all in it. Return: 0 or -1. */
static inline int remove_tree(const char *path)
{
	return nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
