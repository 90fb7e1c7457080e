/* SPDX-License-Identifier: MIT */
/* lab_refusal.c - why the kernel would not let us have namespaces, in words that help. */
#include "lab_refusal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* First line of a small file of /proc, as a number; -1 = it is not there. */
static long read_number(const char *path)
{
	FILE *file = fopen(path, "re");
	long number = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%ld", &number) != 1)
		number = -1;
	fclose(file);
	return number;
}

static long seccomp_mode(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	long mode = -1;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Seccomp: %ld", &mode) == 1)
			break;
	if (file)
		fclose(file);
	return mode;
}

/**
 * struct cause - a switch of the kernel that forbids namespaces
 * @errors:	errors that it shows itself by
 * @path, @value: holds when the file says so
 */
struct cause {
	int errors[3];
	const char *path;
	long value;
	const char *text;
};

static const struct cause causes[] = {
	{{ENOSPC, EUSERS, 0},
	 "/proc/sys/user/max_user_namespaces",
	 0,
	 "user namespaces are switched off (sysctl user.max_user_namespaces = 0)"},
	{{ENOSPC, EUSERS, 0},
	 "/proc/sys/user/max_net_namespaces",
	 0,
	 "network namespaces are switched off (sysctl user.max_net_namespaces = 0)"},
	{{EPERM, 0},
	 "/proc/sys/kernel/unprivileged_userns_clone",
	 0,
	 "only root may make user namespaces here (sysctl kernel.unprivileged_userns_clone = 0); "
	 "set it to 1 or run igdlab as root"},
	{{EPERM, EACCES, 0},
	 "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
	 1,
	 "AppArmor keeps ordinary users from using user namespaces (sysctl "
	 "kernel.apparmor_restrict_unprivileged_userns = 1); set it to 0, give igdlab an AppArmor "
	 "profile with \"userns,\", or run it as root"},
};

static bool shows_by(const struct cause *cause, int error)
{
	for (size_t i = 0; i < 3 && cause->errors[i]; i++)
		if (cause->errors[i] == error)
			return true;
	return false;
}

static void explain_limit(int error, struct diag *d)
{
	if (error == ENOSPC || error == EUSERS)
		diag_at(d, NULL, 0,
			"a limit on namespaces is reached: see /proc/sys/user/max_*_namespaces; "
			"namespaces of labs that ended go away only after the kernel has cleaned "
			"them up");
	else if (error == EINVAL || error == ENOSYS)
		diag_at(d, NULL, 0,
			"this kernel lacks user, PID, network, mount, UTS or IPC namespaces "
			"(CONFIG_NAMESPACES, CONFIG_USER_NS, CONFIG_NET_NS ...)");
	else if (error == EPERM && seccomp_mode() == 2)
		diag_at(d, NULL, 0,
			"a seccomp filter is in force (a container?); allow clone, unshare, setns "
			"and mount in it: docker run --security-opt seccomp=unconfined "
			"--cap-add SYS_ADMIN --cap-add NET_ADMIN");
	else if (error == EPERM && geteuid() == 0)
		diag_at(d, NULL, 0,
			"root lacks CAP_SYS_ADMIN here (a container?) and may not make a user "
			"namespace either, or the process is in a chroot");
	else if (error == EPERM)
		diag_at(d, NULL, 0,
			"ordinary users may not make user namespaces here (a security module or a "
			"chroot); run igdlab as root");
}

void lab_explain_refusal(int error, const char *step, struct diag *d)
{
	diag_at(d, NULL, 0, "the kernel refuses to %s: %s", step, strerror(error));
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		if (shows_by(&causes[i], error) && read_number(causes[i].path) == causes[i].value &&
		    (error != EPERM || geteuid() != 0)) {
			diag_at(d, NULL, 0, "%s", causes[i].text);
			return;
		}
	}
	explain_limit(error, d);
}
