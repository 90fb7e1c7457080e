/* SPDX-License-Identifier: MIT */
/* folder.h - the evidence directory before a lab writes into it, and temporary ones after. */
#ifndef SIM_FOLDER_H
#define SIM_FOLDER_H

/** folder_make() - make a directory and those above it. Return: 0 or -errno. */
int folder_make(const char *path);
/**
 * folder_clear() - remove what an earlier lab left in it
 *
 * A journal of another topology would be taken for one of this lab. Only plain files whose names
 * are those of evidence are removed. Return: 0 or -errno.
 */
int folder_clear(const char *path);
/** folder_remove() - remove a folder of our own with the plain files in it. */
void folder_remove(const char *path);

#endif
