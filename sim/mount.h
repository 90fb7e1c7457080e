/* SPDX-License-Identifier: MIT */
/*
 * mount.h - the private files of a node: what its programs see below /run, /tmp, /var/lib and /dev.
 *
 * Each function acts on the calling thread's mount namespace, whose mounts propagate nowhere.
 */
#ifndef SIM_MOUNT_H
#define SIM_MOUNT_H

#include "../fakeigd/base/diag.h"

#define MOUNT_OWN_FOLDER "/run/igdlab" /* of the lab itself, in every node */

/** mount_covered() - whether @path (absolute, resolved) is below a folder that is private. */
bool mount_covered(const char *path);
/**
 * mount_tree() - a detached copy of what is mounted at @path and below
 *
 * It outlives whatever is mounted over @path, and can be attached in another namespace.
 * Return: descriptor, or -errno.
 */
int mount_tree(const char *path);
/** mount_attach() - put @tree at @path, which is made if need be (a folder or a file). 0 or -errno.
 */
int mount_attach(int tree, const char *path);
/**
 * mount_private() - make a new mount namespace a node's
 * @hosts:	content of /etc/hosts
 *
 * Empty /run, /tmp and /var/lib; a /dev with the usual devices and room for a /dev/log; a resolver
 * that refuses at once; /sys of the current network namespace where the kernel permits it.
 * Return: 0, or -errno after a complaint.
 */
int mount_private(const char *hosts, struct diag *d);

#endif
