"""Runs a command under the seccomp filter that systemd makes of SystemCallFilter= and MemoryDenyWriteExecute=yes, by the same library.

confine.py ALLOWED COMMAND ARGUMENT...; ALLOWED is a file with one system call a line. A call that is not allowed ends the process.
"""
import errno
import os
import sys

import seccomp

allowed, command = open(sys.argv[1]).read().split(), sys.argv[2:]
rules = seccomp.SyscallFilter(seccomp.KILL_PROCESS)
for name in allowed:
    if name in ("mmap", "mprotect", "pkey_mprotect"):
        continue
    try:
        rules.add_rule(seccomp.ALLOW, name)
    except (RuntimeError, ValueError):  # not of this architecture, or newer than the library
        pass

READ, WRITE, EXEC = 1, 2, 4
for name in ("mprotect", "pkey_mprotect"):
    rules.add_rule(seccomp.ALLOW, name, seccomp.Arg(2, seccomp.MASKED_EQ, EXEC, 0))
    rules.add_rule(seccomp.ERRNO(errno.EPERM), name, seccomp.Arg(2, seccomp.MASKED_EQ, EXEC, EXEC))
for protection in (0, WRITE, EXEC):
    rules.add_rule(seccomp.ALLOW, "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, WRITE | EXEC, protection))
rules.add_rule(seccomp.ERRNO(errno.EPERM), "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, WRITE | EXEC, WRITE | EXEC))

rules.load()
os.execv(command[0], command)
