/* SPDX-License-Identifier: MIT */
/* clock.c - the only clock (see clock.h). */
#include "clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static _Atomic int64_t own_offset;
static _Atomic int64_t *offset = &own_offset;

int clock_page_create(void)
{
	int fd = memfd_create("igdlab-clock", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, sysconf(_SC_PAGESIZE)) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

int clock_page_use(int fd)
{
	void *page = mmap(NULL, sizeof(*offset), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		return -errno;
	offset = page;
	return 0;
}

static int64_t kernel_time(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * CLOCK_SECOND + now.tv_nsec / 1000;
}

int64_t clock_now(void)
{
	return kernel_time(CLOCK_MONOTONIC) + atomic_load(offset);
}

int64_t clock_wall(void)
{
	return kernel_time(CLOCK_REALTIME) + atomic_load(offset);
}

int64_t clock_real(void)
{
	return kernel_time(CLOCK_REALTIME);
}

void clock_advance(int64_t us)
{
	atomic_fetch_add(offset, us);
}

int64_t clock_offset(void)
{
	return atomic_load(offset);
}
