# SPDX-License-Identifier: MIT
"""peak.py FILE COMMAND... - run a command and leave the most memory that it had, in KB, in a file.

Signals go on to the command, and it ends as the command did: a client under test is started by it where memory counts.
"""
import os
import resource
import signal
import sys


def main(file, argv):
    """Exit status: the command's, or 128 and its signal."""
    child = os.fork()
    if child == 0:
        try:
            os.execvp(argv[0], argv)
        except OSError as error:
            print(f"{argv[0]}: {error.strerror}", file=sys.stderr)
            os._exit(127)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, lambda n, _: os.kill(child, n))
    _, status = os.waitpid(child, 0)
    with open(file, "w", encoding="ascii") as out:
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=out)
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
